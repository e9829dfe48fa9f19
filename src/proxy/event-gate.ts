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

const LF = 0x0a
const CR = 0x0d
const NO_BYTES = Buffer.alloc(0)

export function createEventGate({ pass, mayGoOn }: EventGateOptions): EventGate {
  let held: Buffer | undefined
  let onEnd: (() => void) | undefined

  function passEvents(bytes: Buffer): boolean {
    let isOpen = true
    for (let from = 0; from < bytes.length;) {
      const to = endOfEvent(bytes, from)
      isOpen = pass(bytes.subarray(from, to)) && isOpen
      from = to
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
      if (held === undefined) onPassed()
      else onEnd = onPassed
    },
    resume() {
      const bytes = held ?? NO_BYTES
      held = undefined
      passEvents(bytes)
      if (held === undefined) onEnd?.()
    },
    isHeld: () => held !== undefined,
  }
}

/** Behind the empty line that ends the first event, or the end of the bytes. */
function endOfEvent(bytes: Buffer, from: number): number {
  for (let at = bytes.indexOf(LF, from); at !== -1; at = bytes.indexOf(LF, at + 1)) {
    const next = bytes[at + 1]
    if (next === LF) return at + 2
    if (next === CR && bytes[at + 2] === LF) return at + 3
  }
  return bytes.length
}
