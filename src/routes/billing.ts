import type { FastifyInstance } from 'fastify'

const PREFIXES = ['/v1/dashboard/billing', '/dashboard/billing']

/** What the chat UIs take for "no limit": the balance they show is this less the usage. */
const UNLIMITED_USD = 100_000

/** 2099-12-31T23:59:59Z */
const NEVER_EXPIRES_S = 4_102_444_799

/**
 * The two requests by which chat UIs show a balance. They never reach the upstream, whose answer is the account's
 * own. A client without a budget has no limit, and what it spent is not metered.
 */
export default async function billing(app: FastifyInstance): Promise<void> {
  for (const prefix of PREFIXES) {
    app.get(`${prefix}/subscription`, () => ({
      object: 'billing_subscription',
      has_payment_method: true,
      soft_limit_usd: UNLIMITED_USD,
      hard_limit_usd: UNLIMITED_USD,
      system_hard_limit_usd: UNLIMITED_USD,
      access_until: NEVER_EXPIRES_S,
    }))
    app.get(`${prefix}/usage`, () => ({ object: 'list', daily_costs: [], total_usage: 0 }))
  }
}
