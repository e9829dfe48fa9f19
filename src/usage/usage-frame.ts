import { isAt } from './scan/find-bytes.ts'
import { parseJson } from './scan/parse-json.ts'

/** Takes bytes out of a stream on their way to the client. */
export interface StreamFilter {
  /** What of these bytes, and of those held back before, may pass. */
  write(chunk: Buffer): Buffer
  /** What was still held back. */
  end(): Buffer
}

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

/**
 * Takes out the frame that a stream ends with because Keystow asked for it: no choices, and a usage. Nothing is held
 * back before the model has finished, and then only an event that has not come whole; comments never are.
 */
export function createUsageFrameFilter(): StreamFilter {
  /** The beginning of an event that may be the frame. */
  let held: Buffer = NO_BYTES
  /** The event that has begun is none: its rest passes as it comes. */
  let isPassing = false
  let isLineStart = true
  let isComment = false
  let wasCr = false
  let isDropped = false
  let isFinished = false
  /** The end of what has come, in which a finish may be cut, and what follows it. */
  let seam: Buffer = NO_BYTES
  let seamBytes = 0

  function observeFinish(chunk: Buffer): void {
    isFinished = tellsFinish(chunk)
    if (seamBytes > 0 && !isFinished) {
      const joined = seamBytes + chunk.copy(seam, seamBytes, 0, FINISH_WINDOW_BYTES)
      isFinished = tellsFinish(seam.subarray(0, joined))
    }
    // Nothing is cut where an event has ended, as it has at the end of nearly every write.
    seamBytes = endsEvent(chunk) ? 0 : keepEnd(chunk)
  }

  /** Keeps the end of all that has come since the last event. */
  function keepEnd(chunk: Buffer): number {
    if (seam.length === 0) seam = Buffer.alloc(2 * FINISH_WINDOW_BYTES)
    if (chunk.length >= FINISH_WINDOW_BYTES) {
      return chunk.copy(seam, 0, chunk.length - FINISH_WINDOW_BYTES)
    }
    const joined = seamBytes + chunk.copy(seam, seamBytes)
    const kept = Math.min(joined, FINISH_WINDOW_BYTES)
    seam.copyWithin(0, joined - kept, joined)
    return kept
  }

  /** Behind the end of the event, or of the comment that stands before one; -1 when neither has come. */
  function findEnd(chunk: Buffer, from: number): number {
    let isAlone = held.length === 0 && !isPassing
    for (let at = from; at < chunk.length; at++) {
      const byte = chunk[at]
      const isSecondHalf = byte === LF && wasCr
      wasCr = byte === CR
      if (isSecondHalf) continue
      if (byte !== LF && byte !== CR) {
        if (isLineStart) isComment = byte === COLON && isAlone
        isLineStart = false
        continue
      }
      if (isLineStart || isComment) return endLine(chunk, at)
      isLineStart = true
      isAlone = false
    }
    return -1
  }

  function endLine(chunk: Buffer, at: number): number {
    isLineStart = true
    isComment = false
    if (!wasCr || chunk[at + 1] !== LF) return at + 1
    wasCr = false
    return at + 2
  }

  function mayBecomeFrame(event: Buffer): boolean {
    if (!isFinished || isPassing || isComment || event.length > MAX_FRAME_BYTES) return false
    const text = event.toString('latin1')
    return !NO_OBJECT.test(text) && !CONTENT.test(text)
  }

  function filter(chunk: Buffer): Buffer {
    const passing: Buffer[] = []
    let from = isBehindCut(chunk) ? 1 : 0
    let runFrom = from === 1 && isDropped ? 1 : 0
    while (from < chunk.length) {
      const end = findEnd(chunk, from)
      const to = end === -1 ? chunk.length : end
      const piece = chunk.subarray(from, to)
      const event = held.length === 0 ? piece : Buffer.concat([held, piece])
      isDropped = end !== -1 && !isPassing && isUsageFrame(event)
      const isHeld = end === -1 && mayBecomeFrame(event)
      if (isDropped || isHeld) {
        passing.push(chunk.subarray(runFrom, from))
        runFrom = to
      } else if (held.length > 0) {
        passing.push(held)
      }
      // A copy: the chunk is a view of the socket's read buffer, which would be kept alive whole.
      held = isHeld ? Buffer.from(event) : NO_BYTES
      isPassing = end === -1 && !isHeld
      from = to
    }
    if (passing.length === 0) return chunk.subarray(runFrom)
    return Buffer.concat([...passing, chunk.subarray(runFrom)])
  }

  /** Whether a chunk begins with the second half of a line end whose first half ended an event. */
  function isBehindCut(chunk: Buffer): boolean {
    if (!wasCr || chunk[0] !== LF || !isLineStart || held.length > 0 || isPassing) return false
    wasCr = false
    return true
  }

  return {
    write(chunk) {
      if (!isFinished) observeFinish(chunk)
      const isBetween = held.length === 0 && !isPassing && !wasCr
      return isBetween && endsEvent(chunk) && !hasEmptyArray(chunk) ? chunk : filter(chunk)
    },
    end() {
      const rest = isUsageFrame(held) ? NO_BYTES : held
      held = NO_BYTES
      return rest
    },
  }
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
