import type { DatabaseSync } from 'node:sqlite'

import { entryFromCells } from '../../usage/entry-codec.ts'
import type { LedgerEntry } from '../../usage/ledger-entry.ts'
import type { EntryQuery, UsageQuery, UsageRow } from '../ledger-store.ts'

/** Entries that are handed over at once. */
const PAGE_ENTRIES = 1000

export interface EntryPageQuery extends EntryQuery {
  /** The last entry of the page before. */
  readonly after?: Pick<LedgerEntry, 'id' | 'at'> | undefined
}

export interface LedgerQueries {
  /** What each counter stands at, in their order. */
  counters(keys: readonly string[]): number[]
  usage(query: UsageQuery): UsageRow[]
  /** At most `PAGE_ENTRIES`, by time. */
  entries(query: EntryPageQuery): LedgerEntry[]
}

/** All pages, one after the other. */
export async function* readPages(
  query: EntryQuery,
  readPage: (query: EntryPageQuery) => readonly LedgerEntry[] | Promise<readonly LedgerEntry[]>,
): AsyncGenerator<LedgerEntry> {
  let after: LedgerEntry | undefined
  do {
    const page = await readPage({ ...query, after })
    yield* page
    after = page.length < PAGE_ENTRIES ? undefined : page.at(-1)
  } while (after !== undefined)
}

const GROUP_COLUMNS = { client: 'clientId', model: 'model', day: 'day' } as const

export function createQueries(database: DatabaseSync): LedgerQueries {
  const counter = database.prepare('SELECT amount FROM counters WHERE key = ?')
  const page = database.prepare(
    `SELECT * FROM entries WHERE (at, id) > (?, ?) AND at < ? AND (? IS NULL OR isEstimated = ?)
     ORDER BY at, id LIMIT ${PAGE_ENTRIES}`,
    { returnArrays: true },
  )
  return {
    counters: (keys) => keys.map((key) => Number(counter.get(key)?.['amount'] ?? 0)),
    usage({ from, to, groupBy, clientId }) {
      const column = GROUP_COLUMNS[groupBy]
      const rows = database
        .prepare(
          `SELECT ${column} AS key, currency, sum(requests) AS requests,
             sum(inputTokens) AS inputTokens, sum(cachedTokens) AS cachedTokens,
             sum(outputTokens) AS outputTokens, sum(costMicros) AS costMicros,
             sum(estimatedRequests) AS estimatedRequests
           FROM usage_days WHERE ${clientId === undefined ? '' : 'clientId = ? AND'} day BETWEEN ? AND ?
           GROUP BY key, currency ORDER BY key, currency`,
        )
        .all(...(clientId === undefined ? [] : [clientId]), from, to)
      return rows.map((row): UsageRow => ({
        key: String(row['key']),
        currency: row['currency'] === 'USD' ? 'USD' : 'CNY',
        requests: Number(row['requests']),
        inputTokens: Number(row['inputTokens']),
        cachedTokens: Number(row['cachedTokens']),
        outputTokens: Number(row['outputTokens']),
        costMicros: Number(row['costMicros']),
        estimatedRequests: Number(row['estimatedRequests']),
      }))
    },
    entries({ from, to, isEstimated, after }) {
      const flag = isEstimated === undefined ? null : Number(isEstimated)
      const rows: unknown[] = page.all(after?.at ?? from, after?.id ?? '', to, flag, flag)
      return rows.map((row) => entryFromCells(Array.isArray(row) ? row : []))
    },
  }
}
