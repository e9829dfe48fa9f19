import type { FastifyInstance } from 'fastify'

import type { Drain } from '../drain.ts'
import type { LedgerStore } from '../stores/ledger-store.ts'
import type { LimitStore } from '../stores/limit-store.ts'

interface HealthOptions {
  readonly drain: Drain
  readonly limitStore: LimitStore
  readonly ledger: Pick<LedgerStore, 'isReady'>
  /** Whether limits and ledger are in Redis. */
  readonly isShared: boolean
}

/**
 * `/healthz`: the process lives. `/readyz`: it can serve. A ledger of its own that cannot be written for now is told
 * and ends nothing: requests go on, and what is settled waits.
 */
export default async function health(
  app: FastifyInstance,
  { drain, limitStore, ledger, isShared }: HealthOptions,
): Promise<void> {
  app.get('/healthz', () => ({ status: 'ok' }))
  app.get('/readyz', (_request, reply) => {
    const checks = {
      draining: drain.isDraining(),
      limitStore: limitStore.isReady() ? 'ready' : 'away',
      ledger: ledger.isReady() ? 'ready' : 'away',
    }
    const isLedgerGood = !isShared || ledger.isReady()
    const isReady = !checks.draining && limitStore.isReady() && isLedgerGood
    return reply
      .code(isReady ? 200 : 503)
      .send({ status: isReady ? 'ok' : 'unavailable', ...checks })
  })
}
