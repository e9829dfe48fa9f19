import type { DatabaseSync } from 'node:sqlite'

import type { Calendar } from '../../usage/calendar.ts'

const DAY_MS = 86_400_000

/** Sums and counters are small, and last month's bill is asked for next year. */
const SUMS_RETENTION_DAYS = 800

/** Rows that go in one statement, so that entries do not wait long behind it. */
const ROWS_AT_ONCE = 2000

/** Freed pages that are given back to the disk at once. */
const PAGES_AT_ONCE = 500

/** A wall clock that has moved this much against the monotonic one was set. */
const MAX_DRIFT_MS = 3_600_000

interface RetentionOptions {
  readonly database: DatabaseSync
  readonly calendar: Calendar
  readonly retentionDays: number
  /** For a database in memory: entries that are kept at most. */
  readonly maxEntries?: number | undefined
  readonly clocks?: Clocks
}

interface Clocks {
  /** Milliseconds since 1970. */
  wall(): number
  monotonic(): number
}

const SYSTEM_CLOCKS: Clocks = { wall: () => Date.now(), monotonic: () => performance.now() }

/**
 * Removes what is older than it is to be kept, a little each time it is called; true while there is more to do.
 * A clock that was set since the process began could make everything look old, so that nothing is removed then.
 */
export function createRetention(options: RetentionOptions): () => boolean {
  const { database, calendar, retentionDays, maxEntries, clocks = SYSTEM_CLOCKS } = options
  const startedAt = clocks.wall() - clocks.monotonic()
  const removeOld = database.prepare(`
    DELETE FROM entries WHERE (at, id) IN
      (SELECT at, id FROM entries WHERE at < ? ORDER BY at LIMIT ${ROWS_AT_ONCE})`)
  const removeSurplus = database.prepare(`
    DELETE FROM entries WHERE (at, id) IN
      (SELECT at, id FROM entries ORDER BY at LIMIT max(0, min(${ROWS_AT_ONCE},
        (SELECT count(*) FROM entries) - ?)))`)
  const removeDays = database.prepare('DELETE FROM usage_days WHERE day < ?')
  // A month is kept as long as its last day may be: '2026-10' sorts before '2026-10-01'.
  const removeCounters = database.prepare('DELETE FROM counters WHERE period < ?')

  return () => {
    const now = clocks.wall()
    if (Math.abs(now - clocks.monotonic() - startedAt) > MAX_DRIFT_MS) return false
    const oldest = calendar.day(Math.max(now - retentionDays * DAY_MS, 0)).startsAt
    let removed = Number(removeOld.run(oldest).changes)
    if (maxEntries !== undefined) removed += Number(removeSurplus.run(maxEntries).changes)
    const lastDay = calendar.day(Math.max(now - SUMS_RETENTION_DAYS * DAY_MS, 0)).key
    removeDays.run(lastDay)
    removeCounters.run(lastDay.slice(0, 7))
    if (removed > 0) database.exec(`PRAGMA incremental_vacuum(${PAGES_AT_ONCE})`)
    return removed >= ROWS_AT_ONCE
  }
}
