/** What happens in the data of the events. The same handlers serve every stream: they are handed its reader. */
export interface EventHandlers<Reader> {
  /** A line that is no comment begins, at this index of the chunk. */
  onField(reader: Reader, at: number): void
  /** Some of an event's data: bytes between two indices of the chunk. */
  onData(reader: Reader, chunk: Buffer, from: number, to: number): void
  /** A line of data was over: its text when it is as short as a mark can be, and empty for any other. */
  onLine(reader: Reader, text: string): void
  onEventEnd(reader: Reader): void
}

/** How far the lines of an event stream (WHATWG HTML, section 9.2.6) have been read: in any pieces, in constant memory. */
export interface EventReader {
  /** With none it knows only where events end. */
  readonly handlers: EventHandlers<this> | undefined
  /** Bytes of the line that are those of the field, or that it is another. */
  matched: number
  isInLine: boolean
  isInEvent: boolean
  /** A line ended with the last byte of a chunk, and its line feed may be the next. */
  isAfterCr: boolean
  mark: string
  dataBytes: number
}

const LF = 0x0a
const CR = 0x0d
const COLON = 0x3a

const FIELD = Buffer.from('data:')
const OTHER_FIELD = -1
/** Longer than every mark and the one space before it that is not part of the data. */
const MAX_MARK_BYTES = 16

export const createEventReader = (): EventReader => ({
  handlers: undefined,
  matched: 0,
  isInLine: false,
  isInEvent: false,
  isAfterCr: false,
  mark: '',
  dataBytes: 0,
})

/** Reads the next bytes. */
export function readEvents(reader: EventReader, chunk: Buffer): void {
  let at = reader.isAfterCr && chunk[0] === LF ? 1 : 0
  // Nobody ends lines so, and who does not is looked through once.
  let cr = chunk.indexOf(CR, at)
  while (at < chunk.length) {
    if (cr !== -1 && cr < at) cr = chunk.indexOf(CR, at)
    const lf = chunk.indexOf(LF, at)
    const isCr = cr !== -1 && (lf === -1 || cr < lf)
    const found = isCr ? cr : lf
    const lineEnd = found === -1 ? chunk.length : found
    if (lineEnd > at) readLine(reader, chunk, at, lineEnd)
    if (found === -1) break
    endLine(reader)
    at = isCr && chunk[lineEnd + 1] === LF ? lineEnd + 2 : lineEnd + 1
  }
  reader.isAfterCr = chunk[chunk.length - 1] === CR
}

function readLine(reader: EventReader, chunk: Buffer, from: number, to: number): void {
  const { handlers } = reader
  if (!reader.isInLine && chunk[from] !== COLON) handlers?.onField(reader, from)
  reader.isInLine = true
  reader.isInEvent = true
  if (handlers === undefined) return
  let { matched } = reader
  let at = from
  while (matched >= 0 && matched < FIELD.length && at < to) {
    matched = chunk[at] === FIELD[matched] ? matched + 1 : OTHER_FIELD
    at++
  }
  reader.matched = matched
  if (matched !== FIELD.length || at === to) return
  reader.dataBytes += to - at
  const isShort = reader.dataBytes <= MAX_MARK_BYTES
  reader.mark = isShort ? reader.mark + chunk.toString('latin1', at, to) : ''
  handlers.onData(reader, chunk, at, to)
}

function endLine(reader: EventReader): void {
  const { handlers } = reader
  if (!reader.isInLine) {
    if (reader.isInEvent) handlers?.onEventEnd(reader)
    reader.isInEvent = false
    return
  }
  if (reader.matched === FIELD.length) handlers?.onLine(reader, reader.mark.replace(/^ /, ''))
  reader.isInLine = false
  reader.matched = 0
  reader.mark = ''
  reader.dataBytes = 0
}

/** Ends the line and the event that are still open; returns the line ends that they lack. */
export function endEvents(reader: EventReader): '' | '\n' | '\n\n' {
  if (!reader.isInEvent) return ''
  // Behind a carriage return, one line feed would only be the rest of the same line end.
  const missing = reader.isInLine || reader.isAfterCr ? '\n\n' : '\n'
  if (reader.isInLine) endLine(reader)
  endLine(reader)
  return missing
}
