import type { JsonReader } from './json-reader.ts'
import { resetJson, writeJson } from './json-scan.ts'
import { beginUnlike, createSameShape, learnLine, readAlike, type SameShape } from './same-shape.ts'
import { createScanState, type ScanState } from './scan-state.ts'

/** Reads the data of an event stream (WHATWG HTML, section 9.2.6) in any pieces, in bounded memory. */
export interface EventScan {
  readonly write: (chunk: Buffer) => void
}

interface EventState {
  readonly scan: ScanState
  readonly shape: SameShape
  /** Bytes of the line that are those of the field, or that it is another. */
  matched: number
  /** The event has had a line of data: what follows goes on in the same document. */
  hasData: boolean
  /** A line feed that comes next belongs to the line end before it. */
  isAfterCr: boolean
  /** Where the chunk's next carriage return is, as far as it has been looked for: few streams have any. */
  cr: number
}

const LF = 0x0a
const CR = 0x0d

const FIELD = Buffer.from('data:')
const OTHER_FIELD = -1

/** Events are JSON, and a stream that fails to end one is read on with the next. */
export function createEventScan(reader: JsonReader): EventScan {
  const scan = createScanState(reader)
  const shape = createSameShape(scan)
  const events: EventState = {
    scan,
    shape,
    matched: 0,
    hasData: false,
    isAfterCr: false,
    cr: -1,
  }
  return { write: (chunk) => writeEvents(events, chunk) }
}

function writeEvents(events: EventState, chunk: Buffer): void {
  let at = 0
  events.cr = -1
  while (at < chunk.length) {
    const byte = chunk[at]
    if (events.matched === 0 && isLineEnd(byte)) {
      if (!events.isAfterCr || byte === CR) {
        resetJson(events.scan)
        events.hasData = false
      }
      events.isAfterCr = byte === CR
      at++
      continue
    }
    const isFirst = events.matched === 0 && !events.hasData
    const end = isFirst ? readAlike(events.shape, chunk, at) : -1
    if (end !== -1) events.hasData = true
    at = end === -1 ? readLine(events, chunk, at) : end
    events.isAfterCr = chunk[at - 1] === CR
    if (isLineEnd(chunk[at - 1])) events.matched = 0
  }
}

/** Reads what of a line is here; returns the index behind it. */
function readLine(events: EventState, chunk: Buffer, from: number): number {
  let at = from
  let { matched } = events
  if (matched === 0) beginUnlike(events.shape)
  while (matched >= 0 && matched < FIELD.length && at < chunk.length) {
    matched = chunk[at] === FIELD[matched] ? matched + 1 : OTHER_FIELD
    at++
  }
  events.matched = matched
  const isData = matched === FIELD.length
  const isOver = matched === OTHER_FIELD && isLineEnd(chunk[at - 1])
  const end = isOver ? at - 1 : findLineEnd(events, chunk, at)
  if (isData) writeJson(events.scan, chunk, at, end)
  if (end === chunk.length) return end
  if (isData) {
    const isWhole = at === from + FIELD.length
    if (!events.hasData && isWhole) learnLine(events.shape, chunk, from, end + 1)
    events.hasData = true
  }
  return end + 1
}

/** The line feed of a line that has one, even behind a carriage return; the chunk's length when the line goes on. */
function findLineEnd(events: EventState, chunk: Buffer, from: number): number {
  const lf = orEnd(chunk.indexOf(LF, from), chunk)
  if (events.cr < from) events.cr = orEnd(chunk.indexOf(CR, from), chunk)
  const { cr } = events
  return lf < cr || (lf === cr + 1 && lf < chunk.length) ? lf : cr
}

const isLineEnd = (byte: number | undefined): boolean => byte === LF || byte === CR

const orEnd = (index: number, { length }: Buffer): number => (index === -1 ? length : index)
