import { type BudgetBook, createBudgetBook } from '../../usage/budget-book.ts'
import {
  clientScope,
  counterKey,
  createLimitLister,
  INSTANCE_SCOPE,
  type Opening,
  type Reservation,
} from '../../usage/budget.ts'
import { type Calendar, createCalendar } from '../../usage/calendar.ts'
import { countOf } from '../../usage/charges.ts'
import { createCounterKeys } from '../../usage/counter-keys.ts'
import { toStoredEntry } from '../../usage/entry-codec.ts'
import type { LedgerEntry } from '../../usage/ledger-entry.ts'
import type { LedgerNotice, LedgerStore } from '../ledger-store.ts'
import { settledMeanwhile, unavailable } from '../unavailable.ts'
import { type BudgetSync, createBudgetSync } from './budget-sync.ts'
import { takeFolder } from './folder.ts'
import { createPipeline, type Pipeline } from './pipeline.ts'
import { readPages } from './queries.ts'
import { formatSettled } from './records.ts'
import { findLost } from './recovery.ts'
import { createRunningRequests, type RunningRequests } from './running-requests.ts'

/** How often what was written is handed to the worker, which enters the requests of this time together. */
const STEP_MS = 100

/** Far more than a process can serve: past it, somebody opens requests and does not settle them. */
const MAX_RUNNING = 100_000

interface SqliteLedgerStoreOptions {
  /** Where the ledger is kept; absent keeps it in memory, for as long as the process lives. */
  readonly folder?: string | undefined
  /** An IANA name; its days and months are those of the ledger. */
  readonly timeZone: string
  readonly retentionDays: number
  /** For a ledger in memory: the oldest entries go when there are more. */
  readonly maxEntries?: number | undefined
  readonly onNotice: (notice: LedgerNotice) => void
  /** How long a file of the journal becomes. */
  readonly segmentBytes?: number | undefined
  /** How much is held in memory while nothing can be written. */
  readonly maxBacklogChars?: number | undefined
  /** Milliseconds since 1970. */
  readonly now?: () => number
}

/**
 * Keeps the ledger in one folder, for one process. Budgets are decided in memory; what is opened and settled is
 * appended to a journal before the call returns, and entered into the database by a thread of its own.
 * Throws a `LedgerFolderError` when the folder cannot be written or another process has it.
 */
export function createSqliteLedgerStore(options: SqliteLedgerStoreOptions): LedgerStore {
  const { folder, onNotice, now = Date.now } = options
  const lock = folder === undefined ? undefined : takeFolder(folder)
  const lost = folder === undefined ? [] : findLost(folder)
  const pipeline = createPipeline({ ...options, onChanged: () => sync.markStale() })
  const calendar = createCalendar(options.timeZone)
  const book = createBudgetBook()
  const sync = createBudgetSync(book, pipeline)
  const running = createRunningRequests(pipeline.journal, now)

  if (lost.length > 0) onNotice(settleLost(lost, pipeline))
  const steps = setInterval(() => {
    sync.step()
    const needed = running.step()
    pipeline.handOver()
    pipeline.removeBefore(needed)
  }, STEP_MS)
  steps.unref()
  let closing: Promise<void> | undefined

  async function close(): Promise<void> {
    clearInterval(steps)
    await pipeline.close(running.count() > 0)
    lock?.release()
  }

  const { stats, ...requests } = createRequests({ pipeline, calendar, book, sync, running })
  return {
    ...requests,
    ...createReads({ pipeline, calendar, sync }),
    stats: () => ({ ...stats(), lagMs: pipeline.lagMs(), isDurable: folder !== undefined }),
    isReady: () => pipeline.isReady(),
    close: () => (closing ??= close()),
  }
}

function settleLost(lost: readonly LedgerEntry[], pipeline: Pipeline): LedgerNotice {
  for (const entry of lost) pipeline.journal.append(formatSettled(entry))
  pipeline.handOver()
  return {
    level: 'warn',
    message: `the process before this one ended without settling ${lost.length} requests: they are entered as estimated`,
  }
}

interface Parts {
  readonly pipeline: Pipeline
  readonly calendar: Calendar
  readonly book: BudgetBook
  readonly sync: BudgetSync
  readonly running: RunningRequests
}

/** What happens to a request, from memory and the journal alone. */
function createRequests({ pipeline: { journal }, calendar, book, sync, running }: Parts) {
  const findCounterKeys = createCounterKeys(calendar)
  const listLimits = createLimitLister(calendar)
  const openings = createOpenings()
  let droppedEntries = 0
  return {
    stats: () => ({ inFlight: running.count(), droppedEntries }),
    async open(reservation: Reservation): Promise<Opening> {
      const { id } = reservation
      const limits = listLimits(reservation)
      if (book.missing(limits).length > 0) await openings.during(id, () => sync.know(limits))
      const opened = running.get(id)
      if (opened !== undefined) return { isGranted: true, grantedMicros: opened.grantedMicros }
      if (running.count() >= MAX_RUNNING) throw unavailable(new Error('too many requests run'))
      const granted = book.reserve(id, limits, reservation)
      if (!granted.isGranted) return granted
      const isKept = running.add(reservation, granted.grantedMicros)
      if (!isKept && limits.length > 0) {
        book.release(id)
        throw unavailable(new Error('the ledger cannot be written'))
      }
      await journal.written()
      return granted
    },
    async grow(id: string, wantedMicros: number): Promise<number> {
      const grantedMicros = book.grow(id, wantedMicros)
      running.grow(id, grantedMicros)
      return grantedMicros
    },
    async settle(entry: LedgerEntry): Promise<void> {
      openings.settle(entry.id)
      const opened = running.take(entry.id)
      book.release(entry.id)
      const stored = toStoredEntry(entry, opened?.reservation.at)
      // What was opened is in the journal, and its end must follow: there are no more of them than run.
      if (!journal.append(formatSettled(stored), opened !== undefined)) droppedEntries++
      const [costMicros, count] = [stored.costMicros ?? 0, countOf(stored)]
      if (opened !== undefined) book.charge(findCounterKeys(stored), costMicros, count)
      // Only the database can tell whether it was there before.
      else if (costMicros + count > 0) sync.markStale()
      await journal.written()
    },
  }
}

/** Requests that wait for what the database knows of their budgets. */
interface Openings {
  /** Waits. Rejects when the request is settled meanwhile: what is held for it then, nobody would give back. */
  during(id: string, wait: () => Promise<void>): Promise<void>
  settle(id: string): void
}

function createOpenings(): Openings {
  const waits = new Map<string, { openers: number; isSettled: boolean }>()
  return {
    async during(id, wait) {
      const one = waits.get(id) ?? { openers: 0, isSettled: false }
      waits.set(id, one)
      one.openers++
      try {
        await wait()
        if (one.isSettled) throw settledMeanwhile()
      } finally {
        if (--one.openers === 0) waits.delete(id)
      }
    },
    settle(id) {
      const one = waits.get(id)
      if (one !== undefined) one.isSettled = true
    },
  }
}

type Reads = Pick<LedgerStore, 'correct' | 'spent' | 'usage' | 'entries'>

/** What is asked of the database, behind everything that was settled before. */
function createReads({
  pipeline,
  calendar,
  sync,
}: Pick<Parts, 'pipeline' | 'calendar' | 'sync'>): Reads {
  return {
    async correct({ id, at }, actual) {
      sync.markStale()
      return pipeline.ask({ name: 'correct', args: [{ id, at }, { ...actual }] })
    },
    async spent({ clientId, period, currency, at }) {
      const { key } = calendar[period](at)
      const scope = clientId === undefined ? INSTANCE_SCOPE : clientScope(clientId)
      const keys = [counterKey(currency, key, scope), counterKey('requests', key, scope)]
      const [costMicros = 0, requests = 0] = await pipeline.ask({ name: 'counters', args: [keys] })
      return { costMicros, requests }
    },
    usage: (query) => pipeline.ask({ name: 'usage', args: [query] }),
    entries: (query) => readPages(query, (page) => pipeline.ask({ name: 'entries', args: [page] })),
  }
}
