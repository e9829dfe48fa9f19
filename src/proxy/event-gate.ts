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

interface GateState extends EndSearch {
  readonly pass: EventGateOptions['pass']
  readonly mayGoOn: EventGateOptions['mayGoOn']
  held: Buffer | undefined
  onEnd: (() => void) | undefined
  /** Of the event that has not ended, and of which nobody was asked. */
  unasked: number
}

export function createEventGate({ pass, mayGoOn }: EventGateOptions): EventGate {
  const gate: GateState = {
    pass,
    mayGoOn,
    held: undefined,
    onEnd: undefined,
    unasked: 0,
    lf: -1,
    cr: -1,
    isLineStart: true,
    isAfterCr: false,
    isEnding: false,
  }
  return {
    write: (bytes) => write(gate, bytes),
    end(onPassed) {
      if (gate.held === undefined || gate.held.length === 0) onPassed()
      else gate.onEnd = onPassed
    },
    resume: () => resume(gate),
    isHeld: () => gate.held !== undefined,
  }
}

function write(gate: GateState, bytes: Buffer): boolean {
  if (gate.held === undefined) return passEvents(gate, bytes)
  if (bytes.length > 0) gate.held = Buffer.concat([gate.held, bytes])
  return false
}

function resume(gate: GateState): void {
  const bytes = gate.held
  gate.held = undefined
  if (bytes !== undefined) passEvents(gate, bytes)
  if (gate.held === undefined) gate.onEnd?.()
}

function passEvents(gate: GateState, bytes: Buffer): boolean {
  const { pass, mayGoOn } = gate
  let isOpen = true
  gate.lf = -1
  gate.cr = -1
  for (let from = 0; from < bytes.length;) {
    const limit = Math.min(bytes.length, from + MAX_UNASKED_BYTES - gate.unasked)
    const end = findEnd(gate, bytes, from, limit)
    const to = end === -1 ? limit : end
    if (to > from) isOpen = pass(bytes.subarray(from, to)) && isOpen
    gate.unasked += to - from
    from = to
    if (end === -1 && gate.unasked < MAX_UNASKED_BYTES) continue
    gate.unasked = 0
    if (mayGoOn()) continue
    gate.held = bytes.subarray(from)
    return false
  }
  return isOpen
}

/** How far the end of an event has been looked for. */
interface EndSearch {
  /** Where the next of each is, as far as it has been looked for: the bytes are looked through once. */
  lf: number
  cr: number
  isLineStart: boolean
  isAfterCr: boolean
  isEnding: boolean
}

/**
 * The index behind the empty line that ends an event, if one does between two indices; -1 when none does. Lines end
 * with LF, CR or both (WHATWG HTML, section 9.2.6), and chunks are cut anywhere. Whether a line feed belongs to the
 * carriage return before it is known with the next byte: until then the event has not ended.
 */
function findEnd(search: EndSearch, bytes: Buffer, from: number, limit: number): number {
  let at = search.isAfterCr ? skipLineFeed(search, bytes, from) : from
  while (!search.isEnding && at < limit) {
    const byte = bytes[at]
    const isEmpty = search.isLineStart && (byte === LF || byte === CR)
    const lineEnd = isEmpty ? at : findLineEnd(search, bytes, at)
    search.isLineStart = lineEnd < limit
    if (lineEnd >= limit) return -1
    at = lineEnd + 1
    search.isEnding = isEmpty
    search.isAfterCr = bytes[lineEnd] === CR
    if (search.isAfterCr && at === limit) return -1
    if (search.isAfterCr) at = skipLineFeed(search, bytes, at)
  }
  if (!search.isEnding) return -1
  search.isEnding = false
  return at
}

function findLineEnd(search: EndSearch, bytes: Buffer, from: number): number {
  if (search.lf < from) search.lf = orNever(bytes.indexOf(LF, from))
  if (search.cr < from) search.cr = orNever(bytes.indexOf(CR, from))
  return Math.min(search.lf, search.cr)
}

/** Behind a carriage return: the index behind its line feed, if that is the next byte. */
function skipLineFeed(search: EndSearch, bytes: Buffer, from: number): number {
  search.isAfterCr = false
  return bytes[from] === LF ? from + 1 : from
}

/** Behind every byte of a chunk. */
const NEVER = 0x7fff_ffff

const orNever = (index: number): number => (index === -1 ? NEVER : index)
