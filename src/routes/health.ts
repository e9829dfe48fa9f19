import type { FastifyInstance } from 'fastify'

import { hasBudgets } from '../config/budgets.ts'
import type { Drain } from '../drain.ts'
import type { LedgerStore } from '../stores/ledger-store.ts'
import type { LimitStore } from '../stores/limit-store.ts'

interface HealthOptions {
  readonly drain: Drain
  readonly limitStore: LimitStore
  readonly ledger: Pick<LedgerStore, 'isReady'>
}

/** `/healthz`: the process lives. `/readyz`: it can serve. */
export default async function health(
  app: FastifyInstance,
  { drain, limitStore, ledger }: HealthOptions,
): Promise<void> {
  app.get('/healthz', () => ({ status: 'ok' }))
  app.get('/readyz', ({ record }, reply) => {
    const checks = {
      draining: drain.isDraining(),
      limitStore: limitStore.isReady() ? 'ready' : 'away',
      ledger: ledger.isReady() ? 'ready' : 'away',
    }
    // Without a budget nobody waits for the ledger: it catches up.
    const isLedgerNeeded = hasBudgets(record.policy.config)
    const isReady =
      !checks.draining && limitStore.isReady() && (ledger.isReady() || !isLedgerNeeded)
    return reply
      .code(isReady ? 200 : 503)
      .send({ status: isReady ? 'ok' : 'unavailable', ...checks })
  })
}
