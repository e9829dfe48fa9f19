import { isAt } from './scan/find-bytes.ts'
import { parseJson } from './scan/parse-json.ts'

/** Longer than any usage frame: an event of which more has come is none, and passes as it comes. */
const MAX_FRAME_BYTES = 8 * 1024

const LF = 0x0a
const CR = 0x0d
const QUOTE = 0x22
const SPACE = 0x20
const COLON = 0x3a
const OPEN_ARRAY = 0x5b
const CLOSE_ARRAY = 0x5d
const NO_BYTES = Buffer.alloc(0)

const FINISH_REASON = Buffer.from('"finish_reason"')
const FINISH_MARK = 0x5f
const FINISH_MARK_AT = FINISH_REASON.indexOf(FINISH_MARK)
/** Longer than the name, a colon, a quote and some space. */
const FINISH_WINDOW_BYTES = 32

/** Where the text of a content event begins, so that one which was cut in its text need not wait for its rest. */
const CONTENT = /"choices"\s*:\s*\[\s*[^\]\s]/
/** What a frame never begins with: its data is an object. */
const NO_OBJECT = /^data: *[^ {\r\n]/

/** A stream out of which frames are taken on its way to the client. */
export interface FrameFilter {
  /** The beginning of an event that may be the frame. */
  held: Buffer
  /** The event that has begun is none: its rest passes as it comes. */
  isPassing: boolean
  isLineStart: boolean
  isComment: boolean
  wasCr: boolean
  isDropped: boolean
  isFinished: boolean
  /** The end of what has come, in which a finish may be cut, and what follows it. */
  seam: Buffer
  seamBytes: number
}

/**
 * Takes out the frame that a stream ends with because Keystow asked for it: no choices, and a usage. Nothing is held
 * back before the model has finished, and then only an event that has not come whole; comments never are.
 */
export const createFrameFilter = (): FrameFilter => ({
  held: NO_BYTES,
  isPassing: false,
  isLineStart: true,
  isComment: false,
  wasCr: false,
  isDropped: false,
  isFinished: false,
  seam: NO_BYTES,
  seamBytes: 0,
})

/** What of these bytes, and of those held back before, may pass. A repeat is an event like one that has passed. */
export function filterFrames(filter: FrameFilter, chunk: Buffer, isRepeat = false): Buffer {
  const isBetween = filter.held.length === 0 && !filter.isPassing && !filter.wasCr
  if (isRepeat && isBetween) return chunk
  if (!filter.isFinished) observeFinish(filter, chunk)
  return isBetween && endsEvent(chunk) && !hasEmptyArray(chunk) ? chunk : sift(filter, chunk)
}

/** What was still held back. */
export function endFrames(filter: FrameFilter): Buffer {
  const rest = isUsageFrame(filter.held) ? NO_BYTES : filter.held
  filter.held = NO_BYTES
  return rest
}

function observeFinish(filter: FrameFilter, chunk: Buffer): void {
  const { seam, seamBytes } = filter
  filter.isFinished = tellsFinish(chunk)
  if (seamBytes > 0 && !filter.isFinished) {
    const joined = seamBytes + chunk.copy(seam, seamBytes, 0, FINISH_WINDOW_BYTES)
    filter.isFinished = tellsFinish(seam.subarray(0, joined))
  }
  // Nothing is cut where an event has ended, as it has at the end of nearly every write.
  filter.seamBytes = endsEvent(chunk) ? 0 : keepEnd(filter, chunk)
}

/** Keeps the end of all that has come since the last event. */
function keepEnd(filter: FrameFilter, chunk: Buffer): number {
  if (filter.seam.length === 0) filter.seam = Buffer.alloc(2 * FINISH_WINDOW_BYTES)
  const { seam, seamBytes } = filter
  if (chunk.length >= FINISH_WINDOW_BYTES) {
    return chunk.copy(seam, 0, chunk.length - FINISH_WINDOW_BYTES)
  }
  const joined = seamBytes + chunk.copy(seam, seamBytes)
  const kept = Math.min(joined, FINISH_WINDOW_BYTES)
  seam.copyWithin(0, joined - kept, joined)
  return kept
}

function sift(filter: FrameFilter, chunk: Buffer): Buffer {
  const passing: Buffer[] = []
  let from = isBehindCut(filter, chunk) ? 1 : 0
  let runFrom = from === 1 && filter.isDropped ? 1 : 0
  while (from < chunk.length) {
    const { held } = filter
    const end = findEnd(filter, chunk, from)
    const to = end === -1 ? chunk.length : end
    const piece = chunk.subarray(from, to)
    const event = held.length === 0 ? piece : Buffer.concat([held, piece])
    const isDropped = end !== -1 && !filter.isPassing && isUsageFrame(event)
    const isHeld = end === -1 && mayBecomeFrame(filter, event)
    if (isDropped || isHeld) {
      passing.push(chunk.subarray(runFrom, from))
      runFrom = to
    } else if (held.length > 0) {
      passing.push(held)
    }
    filter.isDropped = isDropped
    // A copy: the chunk is a view of the socket's read buffer, which would be kept alive whole.
    filter.held = isHeld ? Buffer.from(event) : NO_BYTES
    filter.isPassing = end === -1 && !isHeld
    from = to
  }
  if (passing.length === 0) return chunk.subarray(runFrom)
  return Buffer.concat([...passing, chunk.subarray(runFrom)])
}

/** Whether a chunk begins with the second half of a line end whose first half ended an event. */
function isBehindCut(filter: FrameFilter, chunk: Buffer): boolean {
  const { wasCr, isLineStart, held, isPassing } = filter
  if (!wasCr || chunk[0] !== LF || !isLineStart || held.length > 0 || isPassing) return false
  filter.wasCr = false
  return true
}

/** Behind the end of the event, or of the comment that stands before one; -1 when neither has come. */
function findEnd(filter: FrameFilter, chunk: Buffer, from: number): number {
  let { isLineStart, isComment, wasCr } = filter
  let isAlone = filter.held.length === 0 && !filter.isPassing
  let at = from
  for (; at < chunk.length; at++) {
    const byte = chunk[at]
    const isSecondHalf = byte === LF && wasCr
    wasCr = byte === CR
    if (isSecondHalf) continue
    if (byte !== LF && byte !== CR) {
      if (isLineStart) isComment = byte === COLON && isAlone
      isLineStart = false
      continue
    }
    if (isLineStart || isComment) break
    isLineStart = true
    isAlone = false
  }
  const isFound = at < chunk.length
  const isWholeCr = isFound && wasCr && chunk[at + 1] === LF
  filter.isLineStart = isLineStart || isFound
  filter.isComment = isComment && !isFound
  filter.wasCr = wasCr && !isWholeCr
  if (!isFound) return -1
  return isWholeCr ? at + 2 : at + 1
}

function mayBecomeFrame(filter: FrameFilter, event: Buffer): boolean {
  const { isFinished, isPassing, isComment } = filter
  if (!isFinished || isPassing || isComment || event.length > MAX_FRAME_BYTES) return false
  const text = event.toString('latin1')
  return !NO_OBJECT.test(text) && !CONTENT.test(text)
}

/** Whether the bytes end with an empty line, as nearly every upstream ends every write. */
function endsEvent(bytes: Buffer): boolean {
  const { length } = bytes
  if (bytes[length - 1] !== LF) return false
  if (bytes[length - 2] === LF) return true
  return bytes[length - 2] === CR && bytes[length - 3] === LF
}

/** Whether a choice tells why it ended; every delta names the reason, and only the last gives it a text. */
function tellsFinish(bytes: Buffer): boolean {
  // Looking for one byte that is rare costs a tenth of looking for a word.
  let at = bytes.indexOf(FINISH_MARK)
  while (at !== -1) {
    const from = at - FINISH_MARK_AT
    if (from >= 0 && isAt(bytes, from, FINISH_REASON)) {
      let next = from + FINISH_REASON.length
      while (bytes[next] === COLON || bytes[next] === SPACE) next++
      if (bytes[next] === QUOTE) return true
    }
    at = bytes.indexOf(FINISH_MARK, at + 1)
  }
  return false
}

/** Without one there is no frame, and looking for `]` costs a fraction of looking for a word. */
function hasEmptyArray(bytes: Buffer): boolean {
  let at = bytes.indexOf(CLOSE_ARRAY)
  while (at !== -1) {
    let before = at - 1
    while ((bytes[before] ?? OPEN_ARRAY) <= 0x20) before--
    if (bytes[before] === OPEN_ARRAY) return true
    at = bytes.indexOf(CLOSE_ARRAY, at + 1)
  }
  return false
}

function isUsageFrame(event: Buffer): boolean {
  if (event.length > MAX_FRAME_BYTES || !hasEmptyArray(event)) return false
  const lines = event.toString('utf8').split(/\r\n|\n|\r/)
  const data = lines.filter((line) => line.startsWith('data:')).map((line) => line.slice(5))
  const payload = parseJson(data.join('\n'))
  if (!isObject(payload) || !isObject(payload['usage'])) return false
  const { choices } = payload
  return Array.isArray(choices) && choices.length === 0
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
