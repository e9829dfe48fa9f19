import type { JsonReader } from './json-reader.ts'
import { createJsonScan } from './json-scan.ts'
import { createSameShape } from './same-shape.ts'

/** Reads the data of an event stream (WHATWG HTML, section 9.2.6) in any pieces, in bounded memory. */
export interface EventScan {
  write(chunk: Buffer): void
}

const LF = 0x0a
const CR = 0x0d

const FIELD = Buffer.from('data:')
const OTHER_FIELD = -1

/** Events are JSON, and a stream that fails to end one is read on with the next. */
export function createEventScan(reader: JsonReader): EventScan {
  const shape = createSameShape(reader)
  const scan = createJsonScan(shape.reader)
  /** Bytes of the line that are those of the field, or that it is another. */
  let matched = 0
  /** The event has had a line of data: what follows goes on in the same document. */
  let hasData = false
  /** A line feed that comes next belongs to the line end before it. */
  let isAfterCr = false
  /** Where the chunk's next carriage return is, as far as it has been looked for: few streams have any. */
  let cr = -1

  /** The line feed of a line that has one, even behind a carriage return; the chunk's length when the line goes on. */
  function findLineEnd(chunk: Buffer, from: number): number {
    const lf = orEnd(chunk.indexOf(LF, from), chunk)
    if (cr < from) cr = orEnd(chunk.indexOf(CR, from), chunk)
    return lf < cr || (lf === cr + 1 && lf < chunk.length) ? lf : cr
  }

  /** Reads what of a line is here; returns the index behind it. */
  function readLine(chunk: Buffer, from: number): number {
    let at = from
    if (matched === 0) shape.begin()
    while (matched >= 0 && matched < FIELD.length && at < chunk.length) {
      matched = chunk[at] === FIELD[matched] ? matched + 1 : OTHER_FIELD
      at++
    }
    const isOver = matched === OTHER_FIELD && isLineEnd(chunk[at - 1])
    const end = isOver ? at - 1 : findLineEnd(chunk, at)
    if (matched === FIELD.length) scan.write(chunk, at, end)
    if (end === chunk.length) return end
    if (matched === FIELD.length) {
      if (!hasData && at === from + FIELD.length) shape.learn(chunk, from, end + 1)
      hasData = true
    }
    return end + 1
  }

  return {
    write(chunk) {
      let at = 0
      cr = -1
      while (at < chunk.length) {
        const byte = chunk[at]
        if (matched === 0 && isLineEnd(byte)) {
          if (!isAfterCr || byte === CR) {
            scan.reset()
            hasData = false
          }
          isAfterCr = byte === CR
          at++
          continue
        }
        const end = matched === 0 && !hasData ? shape.read(chunk, at) : -1
        if (end !== -1) hasData = true
        at = end === -1 ? readLine(chunk, at) : end
        isAfterCr = chunk[at - 1] === CR
        if (isLineEnd(chunk[at - 1])) matched = 0
      }
    },
  }
}

const isLineEnd = (byte: number | undefined): boolean => byte === LF || byte === CR

const orEnd = (index: number, { length }: Buffer): number => (index === -1 ? length : index)
