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

/**
 * Events are JSON, and a stream that fails to end one is read on with the next. A carriage return alone ends a
 * line for the standard and is white space here, which comes to the same for JSON.
 */
export function createEventScan(reader: JsonReader): EventScan {
  const shape = createSameShape(reader)
  const scan = createJsonScan(shape.reader)
  /** Bytes of the line that are those of the field, or that it is another. */
  let matched = 0
  /** The event has had a line of data: what follows goes on in the same document. */
  let hasData = false

  /** Reads what of a line is here; returns the index behind it. */
  function readLine(chunk: Buffer, from: number): number {
    let at = from
    if (matched === 0) shape.begin()
    while (matched >= 0 && matched < FIELD.length && at < chunk.length) {
      matched = chunk[at] === FIELD[matched] ? matched + 1 : OTHER_FIELD
      at++
    }
    const found = matched === OTHER_FIELD && chunk[at - 1] === LF ? at - 1 : chunk.indexOf(LF, at)
    const end = found === -1 ? chunk.length : found
    if (matched === FIELD.length) scan.write(chunk, at, end)
    if (found === -1) return end
    if (matched === FIELD.length) {
      if (!hasData && at === from + FIELD.length) shape.learn(chunk, from, end + 1)
      hasData = true
    }
    return end + 1
  }

  return {
    write(chunk) {
      let at = 0
      while (at < chunk.length) {
        const byte = chunk[at]
        if (matched === 0 && (byte === LF || byte === CR)) {
          scan.reset()
          hasData = false
          at++
          continue
        }
        const end = matched === 0 && !hasData ? shape.read(chunk, at) : -1
        if (end !== -1) hasData = true
        at = end === -1 ? readLine(chunk, at) : end
        if (chunk[at - 1] === LF) matched = 0
      }
    },
  }
}
