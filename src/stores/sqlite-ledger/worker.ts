import type { DatabaseSync } from 'node:sqlite'
import { parentPort, workerData } from 'node:worker_threads'

import { createCalendar } from '../../usage/calendar.ts'
import { lowerThisThread } from '../../thread-priority.ts'
import type { LedgerEntry } from '../../usage/ledger-entry.ts'
import type { LedgerNotice } from '../ledger-store.ts'
import { isDamage, openDatabase, replaceDatabase } from './database.ts'
import { createEntryWriter, type EntryWriter } from './enter.ts'
import { createIntake } from './intake.ts'
import type { AnyAnswer, AnyCall, FromWorker, ToWorker, WorkerSetup } from './protocol.ts'
import { createQueries, type LedgerQueries } from './queries.ts'
import { createRetention } from './retention.ts'
import { toError } from '../../thrown.ts'

/** How soon entering is tried again after it failed. */
const RETRY_MS = 500

/** How often old entries are looked for, and how soon again while there are more. */
const PRUNE_INTERVAL_MS = 60_000
const PRUNE_AGAIN_MS = 50

const WATCH_INTERVAL_MS = 1000

interface Ledger {
  readonly database: DatabaseSync
  readonly writer: EntryWriter
  readonly queries: LedgerQueries
  readonly prune: () => boolean
}

lowerThisThread()
const setup: WorkerSetup = workerData
const { folder } = setup
const calendar = createCalendar(setup.timeZone)
const intake = createIntake(setup)
let ledger: Ledger | undefined
let pending: LedgerEntry[] = []
let retry: NodeJS.Timeout | undefined
let hasCaughtUp = false
let isFailing = false
let version: unknown

parentPort?.on('message', (message: ToWorker) => {
  if (message.type === 'call') return answer(message.id, message.call)
  intake.take(message)
  if (retry === undefined) catchUp()
})
setTimeout(prune, PRUNE_INTERVAL_MS)
setInterval(watch, WATCH_INTERVAL_MS)
catchUp()

function post(message: FromWorker): void {
  parentPort?.postMessage(message, [])
}

function postNotice(notice: LedgerNotice): void {
  post({ type: 'notice', notice })
}

function useDatabase(database: DatabaseSync): Ledger {
  const { retentionDays, maxEntries } = setup
  version = readVersion(database)
  return {
    database,
    writer: createEntryWriter(database, calendar),
    queries: createQueries(database),
    prune: createRetention({ database, calendar, retentionDays, maxEntries }),
  }
}

/** Enters all that was written so far. What fails is kept and tried again: nothing is read past it. */
function catchUp(): void {
  retry = undefined
  try {
    ledger ??= useDatabase(openDatabase(folder, postNotice))
    for (;;) {
      if (pending.length === 0) pending = intake.read()
      if (pending.length === 0) break
      ledger.writer.enter(pending)
      pending = []
    }
    hasCaughtUp = true
    setState()
    post({ type: 'entered', position: intake.position() })
  } catch (error) {
    fail(toError(error))
  }
}

function fail(error: Error): void {
  setState(error)
  retry = setTimeout(catchUp, RETRY_MS)
  if (folder === undefined || !isDamage(error)) return
  try {
    ledger?.database.close()
    ledger = undefined
    ledger = useDatabase(replaceDatabase(folder, error, postNotice))
  } catch (cause) {
    setState(toError(cause))
  }
}

function setState(error?: Error): void {
  if (error === undefined && !isFailing) return
  isFailing = error !== undefined
  post({ type: 'state', error })
}

function answer(id: number, call: AnyCall): void {
  clearTimeout(retry)
  catchUp()
  try {
    post({ type: 'answer', id, answer: run(call) })
  } catch (error) {
    post({ type: 'failure', id, error: toError(error) })
  }
}

function run(call: AnyCall): AnyAnswer {
  if (ledger === undefined) throw new Error('the ledger cannot be opened')
  const { queries, writer, database } = ledger
  switch (call.name) {
    case 'counters':
      // What a former process wrote is not in them yet.
      if (!hasCaughtUp) throw new Error('the journal cannot be entered')
      return { name: call.name, value: queries.counters(...call.args) }
    case 'usage':
      return { name: call.name, value: queries.usage(...call.args) }
    case 'entries':
      return { name: call.name, value: queries.entries(...call.args) }
    case 'correct':
      return { name: call.name, value: writer.correct(...call.args) }
    default:
      clearTimeout(retry)
      database.close()
      return { name: call.name, value: null }
  }
}

function prune(): void {
  let isMore = false
  try {
    isMore = ledger?.prune() ?? false
  } catch {
    // Entering meets the same trouble, and tells of it.
  }
  setTimeout(prune, isMore ? PRUNE_AGAIN_MS : PRUNE_INTERVAL_MS)
}

/** `npm run reconcile` corrects entries from a process of its own. */
function watch(): void {
  if (ledger?.database.isOpen !== true) return
  const found = readVersion(ledger.database)
  if (found === version) return
  version = found
  post({ type: 'changed' })
}

/** Changes when another connection has written, and not with what this one writes. */
function readVersion(database: DatabaseSync): unknown {
  return database.prepare('PRAGMA data_version').get()?.['data_version']
}
