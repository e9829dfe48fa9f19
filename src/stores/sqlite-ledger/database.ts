import { closeSync, existsSync, openSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'

import type { LedgerNotice } from '../ledger-store.ts'

const DATABASE_NAME = 'ledger.db'

/** Stands beside a database from its beginning on: where it is and the database is empty, somebody has lost one. */
const MARK_NAME = 'ledger.made'

/** How long to wait for another process that writes: `npm run reconcile` beside the server. */
const BUSY_TIMEOUT_MS = 5000

/** Checked in half a second on the machine this was written on. */
const MAX_CHECKED_BYTES = 256 * 1024 * 1024

const SCHEMA_VERSION = 1

/**
 * The columns of `entries` are `ENTRY_FIELDS`, in that order. They lie in the order of time: an index on the ids
 * alone, which are random, would have a page of its own written for nearly every entry.
 */
const SCHEMA = `
CREATE TABLE entries (
  id TEXT NOT NULL,
  at INTEGER NOT NULL,
  clientId TEXT NOT NULL,
  model TEXT NOT NULL,
  path TEXT NOT NULL,
  status INTEGER NOT NULL,
  costMicros INTEGER,
  currency TEXT NOT NULL,
  isEstimated INTEGER NOT NULL,
  firstByteMs INTEGER,
  durationMs INTEGER NOT NULL,
  bytes INTEGER NOT NULL,
  ending TEXT NOT NULL,
  upstreamRequestId TEXT,
  inputTokens INTEGER NOT NULL,
  cachedTokens INTEGER NOT NULL,
  outputTokens INTEGER NOT NULL,
  reasoningTokens INTEGER NOT NULL,
  images INTEGER NOT NULL,
  characters INTEGER NOT NULL,
  audioMs INTEGER NOT NULL,
  PRIMARY KEY (at, id)
) WITHOUT ROWID;
CREATE TABLE counters (
  key TEXT PRIMARY KEY,
  period TEXT NOT NULL,
  amount INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE usage_days (
  day TEXT NOT NULL,
  clientId TEXT NOT NULL,
  model TEXT NOT NULL,
  currency TEXT NOT NULL,
  requests INTEGER NOT NULL,
  inputTokens INTEGER NOT NULL,
  cachedTokens INTEGER NOT NULL,
  outputTokens INTEGER NOT NULL,
  costMicros INTEGER NOT NULL,
  estimatedRequests INTEGER NOT NULL,
  PRIMARY KEY (day, clientId, model, currency)
) WITHOUT ROWID;
CREATE INDEX usage_days_client ON usage_days (clientId, day);
PRAGMA user_version = ${SCHEMA_VERSION};`

/** Tables whose rows are carried over from a damaged file as far as they can be read; budgets rest on them. */
const CARRIED_TABLES = ['counters', 'usage_days']

const databaseFile = (folder: string): string => join(folder, DATABASE_NAME)

/** Opens a folder's database, or one in memory. One that is damaged is put aside and a new one begun. */
export function openDatabase(
  folder: string | undefined,
  onNotice: (notice: LedgerNotice) => void,
): DatabaseSync {
  if (folder === undefined) return openFile(':memory:').database
  try {
    return openMarked(folder, onNotice)
  } catch (error) {
    if (!isDamage(error)) throw error
    return replaceDatabase(folder, error, onNotice)
  }
}

function openMarked(folder: string, onNotice: (notice: LedgerNotice) => void): DatabaseSync {
  const { database, isNew } = openFile(databaseFile(folder))
  const file = join(folder, MARK_NAME)
  if (isNew && existsSync(file)) {
    onNotice({
      level: 'error',
      message: `the ledger's database ${databaseFile(folder)} is gone or empty, and there was one: a new one is begun, and so are budgets and sums`,
    })
  }
  mark(file)
  return database
}

/** On a full disk the next start does. */
function mark(file: string): void {
  try {
    closeSync(openSync(file, 'a', 0o600))
  } catch {
    // The ledger is worth more than its mark.
  }
}

/** Opens a database that somebody else has made. */
export function openExisting(folder: string): DatabaseSync {
  const file = databaseFile(folder)
  if (!existsSync(file)) throw new Error(`there is no ledger in ${folder}`)
  return openFile(file).database
}

/** Puts a damaged database aside, where somebody may still read it, and begins a new one. */
export function replaceDatabase(
  folder: string,
  damage: Error,
  onNotice: (notice: LedgerNotice) => void,
): DatabaseSync {
  const file = databaseFile(folder)
  const aside = putAside(file)
  const { database } = openFile(file)
  const carried = carryOver(database, aside)
  onNotice({
    level: 'error',
    message: `the ledger's database was damaged: it is kept as ${aside}, a new one is begun ${carried}`,
    cause: damage,
  })
  return database
}

/** SQLITE_CORRUPT and SQLITE_NOTADB, whatever their extension. */
export function isDamage(error: unknown): error is Error {
  if (!(error instanceof Error) || !('errcode' in error)) return false
  const code = Number(error.errcode) & 0xff
  return code === 11 || code === 26
}

interface Opened {
  readonly database: DatabaseSync
  /** It had no tables. */
  readonly isNew: boolean
}

function openFile(file: string): Opened {
  // The files that SQLite makes beside it get the mode of the first.
  if (file !== ':memory:') closeSync(openSync(file, 'a', 0o600))
  const database = new DatabaseSync(file, { timeout: BUSY_TIMEOUT_MS })
  try {
    database.exec(`
      PRAGMA auto_vacuum = INCREMENTAL;
      PRAGMA journal_mode = WAL;
      PRAGMA synchronous = NORMAL;
      PRAGMA cache_size = -32768;
      PRAGMA journal_size_limit = 67108864;`)
    checkPages(database)
    const found = database.prepare('PRAGMA user_version').get()?.['user_version']
    if (found === 0) database.exec(`BEGIN; ${SCHEMA} COMMIT;`)
    else if (found !== SCHEMA_VERSION) {
      throw new Error(
        `${file} was made by another version of Keystow (${String(found)}); run that version, or move the file away`,
      )
    }
    return { database, isNew: found === 0 }
  } catch (error) {
    database.close()
    throw error
  }
}

/** Damage is found at the start, rather than when a request needs the page; in a large file it takes too long. */
function checkPages(database: DatabaseSync): void {
  const bytes = database
    .prepare('SELECT page_count * page_size AS bytes FROM pragma_page_count, pragma_page_size')
    .get()?.['bytes']
  if (Number(bytes) > MAX_CHECKED_BYTES) return
  const result = database.prepare('PRAGMA quick_check(1)').get()?.['quick_check']
  if (result !== 'ok') throw Object.assign(new Error(String(result)), { errcode: 11 })
}

function putAside(file: string): string {
  const aside = `${file}.corrupt-${new Date().toISOString().replaceAll(':', '-')}`
  for (const suffix of ['', '-wal', '-shm']) {
    if (existsSync(file + suffix)) renameSync(file + suffix, aside + suffix)
  }
  return aside
}

function carryOver(database: DatabaseSync, aside: string): string {
  const counts = CARRIED_TABLES.map((table) => `${copyRows(database, aside, table)} of ${table}`)
  return `with the rows that could be read: ${counts.join(', ')}`
}

function copyRows(database: DatabaseSync, aside: string, table: string): number {
  let copied = 0
  try {
    const source = new DatabaseSync(aside, { readOnly: true })
    try {
      for (const row of source.prepare(`SELECT * FROM ${table}`).iterate()) {
        const values = Object.values(row)
        const places = values.map(() => '?').join(', ')
        database.prepare(`INSERT OR IGNORE INTO ${table} VALUES (${places})`).run(...values)
        copied++
      }
    } finally {
      source.close()
    }
  } catch {
    // The rest cannot be read.
  }
  return copied
}
