/** Reads the lines of an event stream (WHATWG HTML, section 9.2.6) in any pieces, in constant memory. */
export interface EventReader {
  write(chunk: Buffer): void
  isBetweenEvents(): boolean
  /** Ends the line and the event that are still open; returns the line ends that they lack. */
  end(): '' | '\n' | '\n\n'
}

/** What happens in the data of the events. */
export interface EventHandlers {
  /** A line that is no comment begins, at this index of the chunk. */
  onField(at: number): void
  /** Some of an event's data: bytes between two indices of the chunk. */
  onData(chunk: Buffer, from: number, to: number): void
  /** A line of data was over: its text when it is as short as a mark can be, and empty for any other. */
  onLine(text: string): void
  onEventEnd(): void
}

const LF = 0x0a
const CR = 0x0d
const COLON = 0x3a

const FIELD = Buffer.from('data:')
const OTHER_FIELD = -1
/** Longer than every mark and the one space before it that is not part of the data. */
const MAX_MARK_BYTES = 16

/** With no handlers it knows only where events end. */
export function createEventReader(handlers: EventHandlers | undefined): EventReader {
  /** Bytes of the line that are those of the field, or that it is another. */
  let matched = 0
  let isInLine = false
  let isInEvent = false
  /** A line ended with the last byte of a chunk, and its line feed may be the next. */
  let isAfterCr = false
  let mark = ''
  let dataBytes = 0

  function readLine(chunk: Buffer, from: number, to: number): void {
    if (!isInLine && chunk[from] !== COLON) handlers?.onField(from)
    isInLine = true
    isInEvent = true
    if (handlers === undefined) return
    let at = from
    while (matched >= 0 && matched < FIELD.length && at < to) {
      matched = chunk[at] === FIELD[matched] ? matched + 1 : OTHER_FIELD
      at++
    }
    if (matched !== FIELD.length || at === to) return
    dataBytes += to - at
    mark = dataBytes <= MAX_MARK_BYTES ? mark + chunk.toString('latin1', at, to) : ''
    handlers.onData(chunk, at, to)
  }

  function endLine(): void {
    if (!isInLine) {
      if (isInEvent) handlers?.onEventEnd()
      isInEvent = false
      return
    }
    if (matched === FIELD.length) handlers?.onLine(mark.replace(/^ /, ''))
    isInLine = false
    matched = 0
    mark = ''
    dataBytes = 0
  }

  return {
    write(chunk) {
      let at = isAfterCr && chunk[0] === LF ? 1 : 0
      // Nobody ends lines so, and who does not is looked through once.
      let cr = chunk.indexOf(CR, at)
      while (at < chunk.length) {
        if (cr !== -1 && cr < at) cr = chunk.indexOf(CR, at)
        const lf = chunk.indexOf(LF, at)
        const isCr = cr !== -1 && (lf === -1 || cr < lf)
        const found = isCr ? cr : lf
        const end = found === -1 ? chunk.length : found
        if (end > at) readLine(chunk, at, end)
        if (found === -1) break
        endLine()
        at = isCr && chunk[end + 1] === LF ? end + 2 : end + 1
      }
      isAfterCr = chunk[chunk.length - 1] === CR
    },
    isBetweenEvents: () => !isInEvent,
    end() {
      if (!isInEvent) return ''
      // Behind a carriage return, one line feed would only be the rest of the same line end.
      const missing = isInLine || isAfterCr ? '\n\n' : '\n'
      if (isInLine) endLine()
      endLine()
      return missing
    },
  }
}
