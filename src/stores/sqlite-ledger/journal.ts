import type { JournalSink, Position } from './segments.ts'
import { toError } from '../../thrown.ts'

/** How soon writing is tried again after it failed. */
const RETRY_MS = 500

/** What is held in memory while nothing can be written: some fifty thousand records. */
const MAX_BACKLOG_CHARS = 16 * 1024 * 1024

/** Takes records and writes those of one turn of the event loop together. */
export interface Journal {
  /** False when it is not taken, because what could not be written fills the memory set aside for it; unless it must. */
  append(record: string, isForced?: boolean): boolean
  /** Resolves when what was appended is written, or is held back while nothing can be. */
  written(): Promise<void> | undefined
  /** Writes now what was appended. */
  flush(): void
  position(): Position
  removeBefore(segment: number): Promise<void>
  isFailing(): boolean
  close(): void
}

interface JournalOptions {
  readonly sink: JournalSink
  readonly maxBacklogChars?: number | undefined
  /** Called when writing begins to fail, and without an error when it no longer does. */
  onStateChange(error?: Error): void
}

export function createJournal(options: JournalOptions): Journal {
  const { sink, maxBacklogChars = MAX_BACKLOG_CHARS } = options
  let records: string[] = []
  let chars = 0
  let turn: PromiseWithResolvers<void> | undefined
  let retry: NodeJS.Timeout | undefined

  function write(): void {
    if (records.length === 0) return
    try {
      sink.write(records.join(''))
    } catch (error) {
      if (retry === undefined) options.onStateChange(toError(error))
      retry = setTimeout(retryNow, RETRY_MS).unref()
      return
    }
    records = []
    chars = 0
    if (retry === undefined) return
    clearTimeout(retry)
    retry = undefined
    options.onStateChange()
  }

  function retryNow(): void {
    write()
  }

  function endTurn(): void {
    if (retry === undefined) write()
    const ended = turn
    turn = undefined
    ended?.resolve()
  }

  return {
    append(record, isForced = false) {
      if (chars > maxBacklogChars && !isForced) return false
      records.push(record)
      chars += record.length
      if (turn === undefined) {
        turn = Promise.withResolvers()
        setImmediate(endTurn)
      }
      return true
    },
    written: () => turn?.promise,
    flush: endTurn,
    position: () => sink.position(),
    removeBefore: (segment) => sink.removeBefore(segment),
    isFailing: () => retry !== undefined,
    close() {
      write()
      clearTimeout(retry)
      sink.close()
    },
  }
}
