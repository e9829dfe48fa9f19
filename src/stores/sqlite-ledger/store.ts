import { KeystowError } from '../../errors.ts'
import {
  clientScope,
  counterKey,
  INSTANCE_SCOPE,
  type Limit,
  createLimitLister,
} from '../../usage/budget.ts'
import { createBudgetBook } from '../../usage/budget-book.ts'
import { createCalendar } from '../../usage/calendar.ts'
import { countOf } from '../../usage/charges.ts'
import { createCounterKeys } from '../../usage/counter-keys.ts'
import { toStoredEntry } from '../../usage/entry-codec.ts'
import type { LedgerEntry } from '../../usage/ledger-entry.ts'
import type { LedgerNotice, LedgerStore } from '../ledger-store.ts'
import { takeFolder } from './folder.ts'
import { createPipeline } from './pipeline.ts'
import { readPages } from './queries.ts'
import { formatSettled } from './records.ts'
import { findLost } from './recovery.ts'
import { createRunningRequests } from './running-requests.ts'

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
  const calendar = createCalendar(options.timeZone)
  const findCounterKeys = createCounterKeys(calendar)
  const listLimits = createLimitLister(calendar)
  const book = createBudgetBook()
  const lost = folder === undefined ? [] : findLost(folder)
  let isBookStale = false
  const onChanged = (): void => {
    isBookStale = true
  }
  const pipeline = createPipeline({ ...options, onChanged })
  const { journal } = pipeline
  const running = createRunningRequests(journal, now)
  const loads = new Map<string, Promise<void>>()
  let droppedEntries = 0
  let closing: Promise<void> | undefined

  settleLost(lost)
  const steps = setInterval(step, STEP_MS)
  steps.unref()

  function settleLost(entries: readonly LedgerEntry[]): void {
    if (entries.length === 0) return
    for (const entry of entries) journal.append(formatSettled(entry))
    pipeline.handOver()
    onNotice({
      level: 'warn',
      message: `the process before this one ended without settling ${entries.length} requests: they are entered as estimated`,
    })
  }

  function step(): void {
    const needed = running.step()
    pipeline.handOver()
    pipeline.removeBefore(needed)
    if (isBookStale) {
      isBookStale = false
      askFor(book.known()).catch(onChanged)
    }
    // A counter whose charges are not entered yet must not be forgotten: the database does not know them.
    if (pipeline.isIdle()) book.trim()
  }

  async function askFor(counterKeys: readonly string[]): Promise<void> {
    const tell = book.ask(counterKeys)
    tell(await pipeline.ask({ name: 'counters', args: [counterKeys] }))
  }

  async function close(): Promise<void> {
    clearInterval(steps)
    await pipeline.close(running.count() > 0)
    lock?.release()
  }

  /** Waits until the book has been told of all these counters. */
  async function know(limits: readonly Limit[]): Promise<void> {
    for (;;) {
      const missing = book.missing(limits)
      const [first] = missing
      if (first === undefined) return
      await (loads.get(first) ?? load(missing))
    }
  }

  function load(counterKeys: readonly string[]): Promise<void> {
    const loading = askFor(counterKeys)
      .catch((cause: unknown) => {
        throw unavailable(cause)
      })
      .finally(() => {
        for (const key of counterKeys) if (loads.get(key) === loading) loads.delete(key)
      })
    for (const key of counterKeys) loads.set(key, loading)
    return loading
  }

  return {
    async open(reservation) {
      const opened = running.get(reservation.id)
      if (opened !== undefined) return { isGranted: true, grantedMicros: opened.grantedMicros }
      if (running.count() >= MAX_RUNNING) throw unavailable(new Error('too many requests run'))
      const limits = listLimits(reservation)
      if (book.missing(limits).length > 0) await know(limits)
      const opening = book.reserve(reservation.id, limits, reservation)
      if (!opening.isGranted) return opening
      const isKept = running.add(reservation, opening.grantedMicros)
      if (!isKept && limits.length > 0) {
        book.release(reservation.id)
        throw unavailable(new Error('the ledger cannot be written'))
      }
      await journal.written()
      return opening
    },
    async grow(id, wantedMicros) {
      const grantedMicros = book.grow(id, wantedMicros)
      running.grow(id, grantedMicros)
      return grantedMicros
    },
    async settle(entry) {
      const opened = running.take(entry.id)
      book.release(entry.id)
      const stored = toStoredEntry({ ...entry, at: opened?.reservation.at ?? entry.at })
      // What was opened is in the journal, and its end must follow: there are no more of them than run.
      if (!journal.append(formatSettled(stored), opened !== undefined)) droppedEntries++
      const [costMicros, count] = [stored.costMicros ?? 0, countOf(stored)]
      if (opened !== undefined) book.charge(findCounterKeys(stored), costMicros, count)
      // Only the database can tell whether it was there before.
      else if (costMicros + count > 0) isBookStale = true
      await journal.written()
    },
    async correct({ id, at }, actual) {
      isBookStale = true
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
    stats: () => ({
      inFlight: running.count(),
      lagMs: pipeline.lagMs(),
      droppedEntries,
      isDurable: folder !== undefined,
    }),
    isReady: () => pipeline.isReady(),
    close: () => (closing ??= close()),
  }
}

/** What the client is told: nobody can say whether its budget allows the call. */
const unavailable = (cause: unknown): KeystowError =>
  new KeystowError('storeUnavailable', { cause, headers: { 'retry-after': '1' } })
