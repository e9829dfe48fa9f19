import type { FastifyInstance } from 'fastify'

import type { Drain } from '../drain.ts'
import type { LimitStore } from '../stores/limit-store.ts'

interface HealthOptions {
  readonly drain: Drain
  readonly limitStore: LimitStore
}

/** `/healthz`: the process lives. `/readyz`: it can serve. */
export default async function health(
  app: FastifyInstance,
  { drain, limitStore }: HealthOptions,
): Promise<void> {
  app.get('/healthz', () => ({ status: 'ok' }))
  app.get('/readyz', (_request, reply) => {
    const checks = {
      draining: drain.isDraining(),
      limitStore: limitStore.isReady() ? 'ready' : 'away',
    }
    const isReady = !checks.draining && limitStore.isReady()
    return reply
      .code(isReady ? 200 : 503)
      .send({ status: isReady ? 'ok' : 'unavailable', ...checks })
  })
}
