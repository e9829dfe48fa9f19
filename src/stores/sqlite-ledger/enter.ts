import type { DatabaseSync } from 'node:sqlite'

import type { Calendar } from '../../usage/calendar.ts'
import {
  addSums,
  type Charge,
  chargesOf,
  isEmpty,
  lineOf,
  type UsageDelta,
} from '../../usage/charges.ts'
import { ENTRY_FIELDS, entryFromCells, entryToCells } from '../../usage/entry-codec.ts'
import type { LedgerEntry } from '../../usage/ledger-entry.ts'
import { correctEntry } from '../../usage/corrected-entry.ts'
import { supersedes } from '../../usage/lost-entry.ts'
import type { Actual } from '../ledger-store.ts'

/** Lines of one day's sums; models past it are added up under one name, for clients choose what models are called. */
const MAX_USAGE_ROWS_PER_DAY = 20_000
const OTHER = '(other)'

export interface EntryWriter {
  /** Enters those that are not there yet, with all that follows from them, in one transaction. */
  enter(entries: readonly LedgerEntry[]): void
  correct(entry: Pick<LedgerEntry, 'id' | 'at'>, actual: Actual): boolean
}

export function createEntryWriter(
  database: DatabaseSync,
  calendar: Calendar,
  maxUsageRows = MAX_USAGE_ROWS_PER_DAY,
): EntryWriter {
  const places = ENTRY_FIELDS.map(() => '?').join(', ')
  const insert = database.prepare(`INSERT OR IGNORE INTO entries VALUES (${places})`)
  const replace = database.prepare(`INSERT OR REPLACE INTO entries VALUES (${places})`)
  const find = database.prepare('SELECT * FROM entries WHERE at = ? AND id = ?', {
    returnArrays: true,
  })
  const addCounter = database.prepare(`
    INSERT INTO counters (key, period, amount) VALUES (?, ?, ?)
    ON CONFLICT DO UPDATE SET amount = amount + excluded.amount`)
  const addUsage = createUsageAdder(database, maxUsageRows)

  function findEntry({ at, id }: Pick<LedgerEntry, 'id' | 'at'>): LedgerEntry | undefined {
    const cells: unknown = find.get(at, id)
    return Array.isArray(cells) ? entryFromCells(cells) : undefined
  }

  /** What it adds; undefined when it was there before. */
  function enterOne(entry: LedgerEntry): UsageDelta | undefined {
    const isNew = insert.run(...toColumns(entry)).changes === 1
    if (isNew) return lineOf(entry, calendar)
    const former = findEntry(entry)
    if (former === undefined || !supersedes(entry, former)) return undefined
    replace.run(...toColumns(entry))
    return lineOf(entry, calendar, former)
  }

  function addUp(added: readonly (UsageDelta | undefined)[]): void {
    const lines = mergeLines(added)
    for (const line of lines) addUsage(line)
    for (const charge of mergeCharges(lines)) {
      addCounter.run(charge.counterKey, charge.periodKey, charge.amount)
    }
  }

  return {
    enter(entries) {
      inTransaction(database, () => addUp(entries.map(enterOne)))
    },
    correct(named, actual) {
      return inTransaction(database, () => {
        const former = findEntry(named)
        if (former?.isEstimated !== true) return false
        const corrected = correctEntry(former, actual)
        replace.run(...toColumns(corrected))
        addUp([lineOf(corrected, calendar, former)])
        return true
      })
    },
  }
}

function toColumns(entry: LedgerEntry): (string | number | null)[] {
  return entryToCells(entry).map((cell) => (typeof cell === 'boolean' ? Number(cell) : cell))
}

/** Rolled back when it throws: a batch is entered as a whole or not at all. */
function inTransaction<T>(database: DatabaseSync, work: () => T): T {
  database.exec('BEGIN IMMEDIATE')
  try {
    const result = work()
    database.exec('COMMIT')
    return result
  } catch (error) {
    // A full disk may have rolled it back already.
    if (database.isTransaction) database.exec('ROLLBACK')
    throw error
  }
}

function createUsageAdder(database: DatabaseSync, maxRows: number): (delta: UsageDelta) => void {
  const update = database.prepare(`
    UPDATE usage_days SET requests = requests + ?, inputTokens = inputTokens + ?,
      cachedTokens = cachedTokens + ?, outputTokens = outputTokens + ?,
      costMicros = costMicros + ?, estimatedRequests = estimatedRequests + ?
    WHERE day = ? AND clientId = ? AND model = ? AND currency = ?`)
  const insert = database.prepare(`
    INSERT INTO usage_days (requests, inputTokens, cachedTokens, outputTokens, costMicros,
      estimatedRequests, day, clientId, model, currency) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`)
  const count = database.prepare('SELECT count(*) AS rows FROM usage_days WHERE day = ?')

  return function add(delta) {
    const { day, clientId, model, currency } = delta
    const sums = [delta.requests, delta.inputTokens, delta.cachedTokens] as const
    const rest = [delta.outputTokens, delta.costMicros, delta.estimatedRequests] as const
    const values = [...sums, ...rest, day, clientId, model, currency] as const
    if (update.run(...values).changes === 1) return
    const isFull = model !== OTHER && Number(count.get(day)?.['rows']) >= maxRows
    if (isFull) add({ ...delta, model: OTHER })
    else insert.run(...values)
  }
}

/** One statement a line, however many entries of a batch belong to it. */
function mergeLines(added: readonly (UsageDelta | undefined)[]): UsageDelta[] {
  const merged = new Map<string, UsageDelta>()
  for (const line of added) {
    if (line === undefined || isEmpty(line)) continue
    const key = `${line.day}${line.currency}${line.clientId}\n${line.model}`
    const sum = merged.get(key)
    merged.set(key, sum === undefined ? line : { ...line, ...addSums(sum, line) })
  }
  return [...merged.values()]
}

function mergeCharges(lines: readonly UsageDelta[]): Iterable<Charge> {
  const merged = new Map<string, Charge>()
  for (const charge of lines.flatMap(chargesOf)) {
    const amount = merged.get(charge.counterKey)?.amount ?? 0
    merged.set(charge.counterKey, { ...charge, amount: amount + charge.amount })
  }
  return merged.values()
}
