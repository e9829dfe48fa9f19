import type { Calendar } from '../../usage/calendar.ts'
import { chargesOf, isEmpty, lineOf, type UsageDelta } from '../../usage/charges.ts'
import { correctEntry } from '../../usage/corrected-entry.ts'
import type { LedgerEntry } from '../../usage/ledger-entry.ts'
import { supersedes } from '../../usage/lost-entry.ts'
import type { Actual } from '../ledger-store.ts'
import type { RedisConnection } from '../redis-connection.ts'
import {
  budgetKey,
  clientsKey,
  entriesKey,
  formatEntry,
  type HeldLimit,
  LEASES_KEY,
  parseEntry,
  parseHeld,
  reservationKey,
  usageKey,
} from './keys.ts'
import { ENTER } from './scripts.ts'

const DAY_S = 86_400

/** Counters outlive every period they are asked for, sums are last year's bill. */
export const COUNTER_RETENTION_S = 400 * DAY_S
const SUMS_RETENTION_S = 800 * DAY_S

/** Lines of a client's sums of a day; models past it are added up under one name, for it is the client that names them. */
const MAX_USAGE_ROWS = 1000

interface EnteringOptions {
  readonly connection: RedisConnection
  readonly calendar: Calendar
  readonly retentionDays: number
  readonly maxUsageRows?: number
}

/** The two ways in which an entry changes. */
export interface Entering {
  /** Enters what is not there yet; a reservation of that id is given back. */
  enter(entry: LedgerEntry, limits?: readonly HeldLimit[]): Promise<void>
  correct(named: Pick<LedgerEntry, 'id' | 'at'>, actual: Actual): Promise<boolean>
}

interface Replacement {
  readonly entry: LedgerEntry
  readonly limits: readonly HeldLimit[]
  /** The text that stands there now; empty when nothing does. */
  readonly expected: string
}

export function createEntering(options: EnteringOptions): Entering {
  const { connection, calendar, retentionDays, maxUsageRows = MAX_USAGE_ROWS } = options

  /** Resolves with what stands there when that is not what was expected. */
  async function replace({ entry, limits, expected }: Replacement): Promise<string> {
    const former = expected === '' ? undefined : parseEntry(expected)
    const line = lineOf(entry, calendar, former)
    const charges = chargesOf(line)
    const { day } = line
    const keys = [
      reservationKey(entry.id),
      LEASES_KEY,
      entriesKey(day),
      usageKey(day, entry.clientId),
      clientsKey(day),
    ]
    const budgets = [...limits, ...charges].map(({ counterKey }) => budgetKey(counterKey))
    const reply = await connection.run(
      ENTER,
      [...keys, ...budgets],
      [
        entry.id,
        expected,
        formatEntry(entry),
        String(limits.length),
        ...limits.map(({ unit }) => unit),
        ...charges.map(({ amount }) => String(amount)),
        entry.clientId,
        ...formatLine(line),
        String(maxUsageRows),
        String((retentionDays + 1) * DAY_S),
        String(SUMS_RETENTION_S),
        String(COUNTER_RETENTION_S),
      ],
    )
    return String(reply)
  }

  async function findLimits(id: string): Promise<readonly HeldLimit[]> {
    const held = await connection.send((client) => client.hGet(reservationKey(id), 'record'))
    return typeof held === 'string' ? parseHeld(held).limits : []
  }

  return {
    async enter(entry, known) {
      const limits = known ?? (await findLimits(entry.id))
      let expected = ''
      for (;;) {
        const found = await replace({ entry, limits, expected })
        if (found === '' || !supersedes(entry, parseEntry(found))) return
        expected = found
      }
    },
    async correct({ id, at }, actual) {
      for (;;) {
        const key = entriesKey(calendar.day(at).key)
        const expected = await connection.send((client) => client.hGet(key, id))
        if (typeof expected !== 'string') return false
        const former = parseEntry(expected)
        if (!former.isEstimated) return false
        const entry = correctEntry(former, actual)
        if ((await replace({ entry, limits: [], expected })) === '') return true
      }
    },
  }
}

/** The name of a line, empty when nothing is added, and its six sums. */
function formatLine(line: UsageDelta): string[] {
  const { requests, inputTokens, cachedTokens, outputTokens, costMicros, estimatedRequests } = line
  const sums = [requests, inputTokens, cachedTokens, outputTokens, costMicros, estimatedRequests]
  const name = isEmpty(line) ? '' : JSON.stringify([line.model, line.currency])
  return [name, ...sums.map(String)]
}
