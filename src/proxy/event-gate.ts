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

/**
 * An event that is longer is asked about before its end: who never ends one would never be asked about. What of it
 * has come is charged, also where its client gets none of it, so that it must not be much.
 */
const MAX_UNASKED_BYTES = 1024

const LF = 0x0a
const CR = 0x0d

export function createEventGate({ pass, mayGoOn }: EventGateOptions): EventGate {
  const ends = createEndFinder()
  let held: Buffer | undefined
  let onEnd: (() => void) | undefined
  /** Of the event that has not ended, and of which nobody was asked. */
  let unasked = 0

  function passEvents(bytes: Buffer): boolean {
    let isOpen = true
    ends.begin()
    for (let from = 0; from < bytes.length;) {
      const limit = Math.min(bytes.length, from + MAX_UNASKED_BYTES - unasked)
      const end = ends.find(bytes, from, limit)
      const to = end === -1 ? limit : end
      if (to > from) isOpen = pass(bytes.subarray(from, to)) && isOpen
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

interface EndFinder {
  /** Other bytes follow. */
  begin(): void
  /** The index behind the empty line that ends an event, if one does between two indices; -1 when none does. */
  find(bytes: Buffer, from: number, limit: number): number
}

/**
 * Lines end with LF, CR or both (WHATWG HTML, section 9.2.6), and chunks are cut anywhere. Whether a line feed belongs
 * to the carriage return before it is known with the next byte: until then the event has not ended.
 */
function createEndFinder(): EndFinder {
  /** Where the next of each is, as far as it has been looked for: the bytes are looked through once. */
  let lf = -1
  let cr = -1
  let isLineStart = true
  let isAfterCr = false
  let isEnding = false

  function findLineEnd(bytes: Buffer, from: number): number {
    if (lf < from) lf = orNever(bytes.indexOf(LF, from))
    if (cr < from) cr = orNever(bytes.indexOf(CR, from))
    return Math.min(lf, cr)
  }

  /** Behind a carriage return: the index behind its line feed, if that is the next byte. */
  function skipLineFeed(bytes: Buffer, from: number): number {
    isAfterCr = false
    return bytes[from] === LF ? from + 1 : from
  }

  return {
    begin() {
      lf = -1
      cr = -1
    },
    find(bytes, from, limit) {
      let at = isAfterCr ? skipLineFeed(bytes, from) : from
      while (!isEnding && at < limit) {
        const byte = bytes[at]
        const isEmpty = isLineStart && (byte === LF || byte === CR)
        const lineEnd = isEmpty ? at : findLineEnd(bytes, at)
        isLineStart = lineEnd < limit
        if (!isLineStart) return -1
        at = lineEnd + 1
        isEnding = isEmpty
        isAfterCr = bytes[lineEnd] === CR
        if (isAfterCr && at === limit) return -1
        if (isAfterCr) at = skipLineFeed(bytes, at)
      }
      if (!isEnding) return -1
      isEnding = false
      return at
    },
  }
}

/** Behind every byte of a chunk. */
const NEVER = 0x7fff_ffff

const orNever = (index: number): number => (index === -1 ? NEVER : index)
