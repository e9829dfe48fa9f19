import { clientScope, counterKey, INSTANCE_SCOPE } from '../../usage/budget.ts'
import { type Calendar, listDays } from '../../usage/calendar.ts'
import { addSums, type UsageSums } from '../../usage/charges.ts'
import type { Currency, LedgerEntry } from '../../usage/ledger-entry.ts'
import type { LedgerStore, UsageQuery, UsageRow } from '../ledger-store.ts'
import type { RedisConnection } from '../redis-connection.ts'
import { budgetKey, entriesKey, parseEntry, usageKey } from './keys.ts'

const DAY_MS = 86_400_000

/** Nothing is older. */
const MAX_DAYS = 800

/** Days that are asked for together. */
const DAYS_AT_ONCE = 31

/** The letters of the sums in `scripts.ts`. */
const SUM_NAMES: Readonly<Record<string, keyof UsageSums>> = {
  r: 'requests',
  i: 'inputTokens',
  c: 'cachedTokens',
  o: 'outputTokens',
  m: 'costMicros',
  e: 'estimatedRequests',
}

const NO_SUMS: UsageSums = {
  requests: 0,
  inputTokens: 0,
  cachedTokens: 0,
  outputTokens: 0,
  costMicros: 0,
  estimatedRequests: 0,
}

type Reads = Pick<LedgerStore, 'spent' | 'usage' | 'entries'>

export function createReads(
  connection: RedisConnection,
  calendar: Calendar,
  now: () => number,
): Reads {
  /** Days on which something may stand, however far a question reaches. */
  function boundDays(from: string, to: string): string[] {
    const oldest = calendar.day(now() - MAX_DAYS * DAY_MS).key
    const newest = calendar.day(now() + DAY_MS).key
    return [...listDays(from > oldest ? from : oldest, to < newest ? to : newest)]
  }

  return {
    async spent({ clientId, period, currency, at }) {
      const { key } = calendar[period](at)
      const scope = clientId === undefined ? INSTANCE_SCOPE : clientScope(clientId)
      const [costMicros, requests] = await Promise.all(
        ([currency, 'requests'] as const).map((unit) =>
          connection.send((client) =>
            client.hGet(budgetKey(counterKey(unit, key, scope)), 'spent'),
          ),
        ),
      )
      return { costMicros: Number(costMicros ?? 0), requests: Number(requests ?? 0) }
    },
    async usage(query) {
      const rows = new Map<string, UsageRow>()
      const days = boundDays(query.from, query.to)
      while (days.length > 0) {
        const asked = days.splice(0, DAYS_AT_ONCE)
        const found = await Promise.all(
          asked.map((day) => connection.send((client) => client.hGetAll(usageKey(day)))),
        )
        for (const [index, fields] of found.entries()) {
          addFields(rows, { query, day: asked[index] ?? '', fields })
        }
      }
      return [...rows].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, row]) => row)
    },
    async *entries({ from, to, isEstimated }) {
      const first = calendar.day(Math.max(from, 0)).key
      const last = calendar.day(Math.min(to, now() + DAY_MS)).key
      for (const day of boundDays(first, last)) {
        for await (const entry of scanEntries(connection, day)) {
          const isAsked = isEstimated === undefined || entry.isEstimated === isEstimated
          if (isAsked && entry.at >= from && entry.at < to) yield entry
        }
      }
    },
  }
}

/** A scan may hand an entry out twice while others are entered. */
async function* scanEntries(connection: RedisConnection, day: string): AsyncGenerator<LedgerEntry> {
  const seen = new Set<string>()
  let cursor = '0'
  do {
    const asked = cursor
    const page = await connection.send((client) =>
      client.hScan(entriesKey(day), asked, { COUNT: 500 }),
    )
    for (const { field, value } of page.entries) {
      if (!seen.has(field)) yield parseEntry(value)
      seen.add(field)
    }
    cursor = page.cursor
  } while (cursor !== '0')
}

interface DayFields {
  readonly query: UsageQuery
  readonly day: string
  readonly fields: Readonly<Record<string, string>>
}

function addFields(rows: Map<string, UsageRow>, { query, day, fields }: DayFields): void {
  for (const [field, value] of Object.entries(fields)) {
    const name = SUM_NAMES[field.slice(0, 1)]
    const line: unknown = JSON.parse(field.slice(1))
    if (name === undefined || !Array.isArray(line)) continue
    const [clientId, model, unit] = line.map(String)
    if (query.clientId !== undefined && clientId !== query.clientId) continue
    const key = { client: clientId, model, day }[query.groupBy] ?? ''
    const currency: Currency = unit === 'USD' ? 'USD' : 'CNY'
    const rowKey = `${key}\n${currency}`
    const row = rows.get(rowKey) ?? { key, currency, ...NO_SUMS }
    rows.set(rowKey, { ...row, ...addSums(row, { ...NO_SUMS, [name]: Number(value) }) })
  }
}
