import type { LedgerNotice } from '../ledger-store.ts'
import { createJournal, type Journal } from './journal.ts'
import type { CallName, CallOf, CallValue, WorkerSetup } from './protocol.ts'
import { createSegmentSink, type JournalSink, listSegments, type Position } from './segments.ts'
import { createWorkerLink, type WorkerLink } from './worker-link.ts'

/** Hand-overs that are remembered until the worker has entered them. */
const MAX_REMEMBERED = 1000

/** The way of a record: into the journal, on this thread and at once; from there into the database, by the worker. */
export interface Pipeline {
  readonly journal: Journal
  /** Lets the worker enter what was appended so far. */
  handOver(): void
  /** Hands over and asks: the answer knows everything that was appended before. */
  ask<Name extends CallName>(call: CallOf<Name>): Promise<CallValue<Name>>
  /** Removes segments that are entered and older than this one. */
  removeBefore(segment: number): void
  /** Whether everything handed over was entered. */
  isIdle(): boolean
  isReady(): boolean
  lagMs(): number
  /** Ends the worker and the journal; its files go when nothing in them is needed any more. */
  close(isNeeded: boolean): Promise<void>
}

interface PipelineOptions {
  readonly folder?: string | undefined
  readonly timeZone: string
  readonly retentionDays: number
  readonly maxEntries?: number | undefined
  readonly segmentBytes?: number | undefined
  readonly maxBacklogChars?: number | undefined
  readonly onNotice: (notice: LedgerNotice) => void
  /** The database was changed by another process. */
  readonly onChanged: () => void
}

interface HandOver {
  readonly position: Position
  readonly at: number
}

export function createPipeline(options: PipelineOptions): Pipeline {
  const { folder, onNotice } = options
  const sink =
    folder === undefined
      ? createTextSink(() => link)
      : createSegmentSink(folder, options.segmentBytes)
  const link = createWorkerLink({
    setup: setupOf(options, sink),
    onEntered,
    onState(error) {
      isEntering = error === undefined
      onNotice(isEntering ? ENTERING_AGAIN : { ...ENTERING_FAILS, cause: error })
    },
    onNotice,
    onChanged: options.onChanged,
  })
  const journal = createJournal({
    sink,
    maxBacklogChars: options.maxBacklogChars,
    onStateChange: (error) =>
      onNotice(error === undefined ? WRITING_AGAIN : { ...WRITING_FAILS, cause: error }),
  })
  let isEntering = true
  let entered: Position = { segment: 0, offset: 0 }
  let handedOver: HandOver[] = []

  function onEntered(position: Position): void {
    entered = position
    handedOver = handedOver.filter((handOver) => isBefore(position, handOver.position))
  }

  function handOver(): void {
    journal.flush()
    const position = sink.position()
    const last = handedOver.at(-1)?.position ?? entered
    if (!isBefore(last, position)) return
    if (handedOver.length >= MAX_REMEMBERED) handedOver.pop()
    handedOver.push({ position, at: performance.now() })
    if (folder !== undefined) link.send({ type: 'written', position })
  }

  function removeBefore(segment: number): void {
    if (journal.isFailing()) return
    // What cannot be removed is read again by the next process, and not entered again.
    journal.removeBefore(Math.min(segment, entered.segment)).catch(() => {})
  }

  const isIdle = (): boolean => handedOver.length === 0 && !journal.isFailing()

  return {
    journal,
    handOver,
    ask(call) {
      handOver()
      return link.call(call)
    },
    removeBefore,
    isIdle,
    isReady: () => isEntering && !journal.isFailing(),
    lagMs: () => (handedOver[0] === undefined ? 0 : performance.now() - handedOver[0].at),
    async close(isNeeded) {
      journal.close()
      if (journal.isFailing()) onNotice(LOST_AT_CLOSE)
      handOver()
      await link.call({ name: 'close', args: [] }).catch(() => {})
      if (!isNeeded && isIdle()) await journal.removeBefore(sink.position().segment + 1)
      await link.stop()
    },
  }
}

const WRITING_FAILS = {
  level: 'error',
  message:
    'the ledger cannot be written: what happens is kept in memory and would be lost with the process',
} as const satisfies LedgerNotice

const WRITING_AGAIN = {
  level: 'info',
  message: 'the ledger can be written again, and what was kept in memory is',
} as const satisfies LedgerNotice

const LOST_AT_CLOSE = {
  level: 'error',
  message: 'the ledger could not be written to the end: what was kept in memory is lost',
} as const satisfies LedgerNotice

const ENTERING_FAILS = {
  level: 'error',
  message: "the ledger's database cannot be written: what happens is kept in the journal beside it",
} as const satisfies LedgerNotice

const ENTERING_AGAIN = {
  level: 'info',
  message: "the ledger's database can be written again",
} as const satisfies LedgerNotice

function setupOf(options: PipelineOptions, sink: JournalSink): WorkerSetup {
  const { folder, timeZone, retentionDays, maxEntries } = options
  const [oldest] = folder === undefined ? [] : listSegments(folder)
  const firstSegment = oldest ?? sink.position().segment
  return { folder, firstSegment, timeZone, retentionDays, maxEntries }
}

/** Without files, the worker is sent the text itself. */
function createTextSink(link: () => WorkerLink): JournalSink {
  let offset = 0
  return {
    write(text) {
      offset += text.length
      link().send({ type: 'text', text, position: { segment: 0, offset } })
    },
    position: () => ({ segment: 0, offset }),
    removeBefore: async () => {},
    close() {},
  }
}

const isBefore = (a: Position, b: Position): boolean =>
  a.segment < b.segment || (a.segment === b.segment && a.offset < b.offset)
