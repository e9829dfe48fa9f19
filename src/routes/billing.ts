import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'

import type { Client } from '../clients/client.ts'
import { KeystowError } from '../errors.ts'
import type { LedgerStore, SpentQuery, UsageRow } from '../stores/ledger-store.ts'
import { orUnavailable } from '../stores/unavailable.ts'
import { limitOf, type SpentMicros } from '../usage/balance.ts'
import type { BudgetPeriod } from '../usage/budget.ts'
import { type Calendar, createCalendar } from '../usage/calendar.ts'
import { currentMonth, readDateRange } from '../usage/date-range.ts'

/** With and without `/v1`: not every UI writes it. */
const PREFIXES = ['/v1/dashboard/billing', '/dashboard/billing']

/** What the chat UIs take for "no limit": the balance they show is this less the usage. */
const UNLIMITED = 100_000

/** 2099-12-31T23:59:59Z */
const NEVER_EXPIRES_S = 4_102_444_799

const NOTHING_SPENT: SpentMicros = { day: 0, month: 0 }

const MICROS_PER_UNIT = 1_000_000
const MICROS_PER_CENT = 10_000

interface BillingOptions {
  readonly ledger: Pick<LedgerStore, 'spent' | 'usage'>
  readonly timeZone: string
}

/**
 * The two requests by which chat UIs show a balance, answered with the caller's own numbers; the upstream's would be
 * the account's. Amounts are in the price table's currency, whatever the names of the fields say.
 */
export default async function billing(
  app: FastifyInstance,
  { ledger, timeZone }: BillingOptions,
): Promise<void> {
  const calendar = createCalendar(timeZone)
  // Under open access nothing in the request tells a cache on the way whose numbers these are.
  const own = { preHandler: forbidStoring }
  for (const prefix of PREFIXES) {
    app.get(`${prefix}/subscription`, own, async (request) => {
      const { client, currency } = callerOf(request)
      const isShared = client.budgets.some(({ scope }) => scope === 'instance')
      const [byClient, byAll] = await Promise.all([
        readSpent(ledger, { clientId: client.id, currency }),
        isShared ? readSpent(ledger, { currency }) : NOTHING_SPENT,
      ])
      return subscriptionOf(client, { client: byClient, instance: byAll })
    })
    app.get(`${prefix}/usage`, own, async (request) => {
      const { client, currency } = callerOf(request)
      const range = rangeOf(request, calendar)
      const query = { ...range, groupBy: 'day', clientId: client.id } as const
      const rows = await orUnavailable(ledger.usage(query))
      return usageOf(rows.filter((row) => row.currency === currency))
    })
  }
}

async function readSpent(
  ledger: Pick<LedgerStore, 'spent'>,
  whose: Pick<SpentQuery, 'clientId' | 'currency'>,
): Promise<SpentMicros> {
  const read = async (period: BudgetPeriod): Promise<number> =>
    (await orUnavailable(ledger.spent({ ...whose, period, at: Date.now() }))).costMicros
  const [day, month] = await Promise.all([read('day'), read('month')])
  return { day, month }
}

async function forbidStoring(_request: FastifyRequest, reply: FastifyReply): Promise<void> {
  reply.header('cache-control', 'no-store')
}

function callerOf({ record }: FastifyRequest) {
  const { client, policy } = record
  if (client === undefined) throw new KeystowError('invalidApiKey')
  return { client, currency: policy.config.pricing.currency }
}

function rangeOf({ query }: FastifyRequest, calendar: Calendar) {
  const names = { from: 'start_date', to: 'end_date' }
  return readDateRange(Object.assign({}, query), names, currentMonth(calendar, Date.now()))
}

function subscriptionOf({ budgets }: Client, spent: Parameters<typeof limitOf>[1]) {
  const limitMicros = limitOf(budgets, spent)
  const limit = limitMicros === undefined ? UNLIMITED : limitMicros / MICROS_PER_UNIT
  return {
    object: 'billing_subscription',
    has_payment_method: true,
    soft_limit_usd: limit,
    hard_limit_usd: limit,
    system_hard_limit_usd: limit,
    access_until: NEVER_EXPIRES_S,
  }
}

function usageOf(days: readonly UsageRow[]) {
  const cents = (micros: number): number => micros / MICROS_PER_CENT
  return {
    object: 'list',
    daily_costs: days
      .toSorted((a, b) => (a.key < b.key ? -1 : 1))
      .map(({ key, costMicros }) => ({
        timestamp: Date.parse(key) / 1000,
        line_items: [{ name: 'all', cost: cents(costMicros) }],
      })),
    total_usage: cents(days.reduce((sum, { costMicros }) => sum + costMicros, 0)),
  }
}
