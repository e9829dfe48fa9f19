import { clientScope, counterKey, INSTANCE_SCOPE } from '../../usage/budget.ts'
import { type Calendar, listDays } from '../../usage/calendar.ts'
import type { UsageSums } from '../../usage/charges.ts'
import type { Currency, LedgerEntry } from '../../usage/ledger-entry.ts'
import type { LedgerStore, UsageRow } from '../ledger-store.ts'
import type { RedisConnection } from '../redis-connection.ts'
import { budgetKey, clientsKey, entriesKey, parseEntry, usageKey } from './keys.ts'

const DAY_MS = 86_400_000

/** Nothing is older. */
const MAX_DAYS = 800

/** Clients that are asked for together. */
const CLIENTS_AT_ONCE = 500

type Row = Pick<UsageRow, 'key' | 'currency'> & Record<keyof UsageSums, number>

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
      const rows = new Map<string, Row>()
      for (const day of boundDays(query.from, query.to)) {
        const clients =
          query.clientId === undefined ? await listClients(connection, day) : [query.clientId]
        while (clients.length > 0) {
          const asked = clients.splice(0, CLIENTS_AT_ONCE)
          const found = await Promise.all(
            asked.map((id) => connection.send((client) => client.hGetAll(usageKey(day, id)))),
          )
          for (const [index, fields] of found.entries()) {
            const key = { client: asked[index] ?? '', day, model: undefined }[query.groupBy]
            addFields(rows, fields, key)
          }
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

const listClients = (connection: RedisConnection, day: string): Promise<string[]> =>
  connection.send((client) => client.sMembers(clientsKey(day)))

/** Adds a client's sums of a day, each to the row of its model when there is no other key. */
function addFields(
  rows: Map<string, Row>,
  fields: Readonly<Record<string, string>>,
  rowKey: string | undefined,
): void {
  for (const [field, value] of Object.entries(fields)) {
    const name = SUM_NAMES[field.slice(0, 1)]
    const line: unknown = JSON.parse(field.slice(1))
    if (name === undefined || !Array.isArray(line)) continue
    const key = rowKey ?? String(line[0])
    const currency: Currency = line[1] === 'USD' ? 'USD' : 'CNY'
    const id = `${key}\n${currency}`
    const row = rows.get(id) ?? { key, currency, ...NO_SUMS }
    row[name] += Number(value)
    rows.set(id, row)
  }
}
