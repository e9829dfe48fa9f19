/** Lets an event stream pass one event after the other, for as long as it may. */
export interface EventGate {
  /** Takes the next bytes; false when some of them are held back. */
  write(bytes: Buffer): boolean
  /** Nothing more comes: calls `onPassed` when everything has passed, now or later. */
  end(onPassed: () => void): void
  /** What is held back may pass, as far as it still may. */
  resume(): void
  isHeld(): boolean
}

interface EventGateOptions {
  /** Returns false when it asks for a pause, which holds nothing back. */
  readonly pass: (bytes: Buffer) => boolean
  /** Asked after every event that passed: whether the next one may. */
  readonly mayGoOn: () => boolean
}

/** An event that is longer is asked about before its end: who never ends one would never be asked about. */
const MAX_UNASKED_BYTES = 16 * 1024

const LF = 0x0a
const CR = 0x0d

export function createEventGate({ pass, mayGoOn }: EventGateOptions): EventGate {
  const findEnd = createEndFinder()
  let held: Buffer | undefined
  let onEnd: (() => void) | undefined
  /** Of the event that has not ended, and of which nobody was asked. */
  let unasked = 0

  function passEvents(bytes: Buffer): boolean {
    let isOpen = true
    for (let from = 0; from < bytes.length;) {
      const end = findEnd(bytes, from)
      const to = end === -1 ? bytes.length : end
      isOpen = pass(bytes.subarray(from, to)) && isOpen
      unasked += to - from
      from = to
      if (end === -1 && unasked < MAX_UNASKED_BYTES) continue
      unasked = 0
      if (mayGoOn()) continue
      held = bytes.subarray(from)
      return false
    }
    return isOpen
  }

  return {
    write(bytes) {
      if (held === undefined) return passEvents(bytes)
      if (bytes.length > 0) held = Buffer.concat([held, bytes])
      return false
    },
    end(onPassed) {
      if (held === undefined || held.length === 0) onPassed()
      else onEnd = onPassed
    },
    resume() {
      const bytes = held
      held = undefined
      if (bytes !== undefined) passEvents(bytes)
      if (held === undefined) onEnd?.()
    },
    isHeld: () => held !== undefined,
  }
}

/** Finds the byte behind the empty line that ends an event; -1 when it has not come. Chunks are cut anywhere. */
function createEndFinder(): (bytes: Buffer, from: number) => number {
  let isLineStart = true
  return function findEnd(bytes, from) {
    for (let at = from; at < bytes.length;) {
      if (isLineStart) {
        if (bytes[at] === LF) return at + 1
        if (bytes[at] === CR) {
          at++
          continue
        }
      }
      const lineEnd = bytes.indexOf(LF, at)
      isLineStart = lineEnd !== -1
      if (!isLineStart) return -1
      at = lineEnd + 1
    }
    return -1
  }
}
