import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'

import { watchEventLoopDelay } from '../event-loop-delay.ts'
import { overloaded } from '../limits/overloaded.ts'
import type { Metrics } from '../metrics.ts'

interface LoadSheddingOptions {
  readonly metrics: Metrics
}

/** Turns new requests away while the process is so late that it would lose those it has. */
export default fp(
  async function loadShedding(app: FastifyInstance, { metrics }: LoadSheddingOptions) {
    const delay = watchEventLoopDelay()
    app.addHook('onClose', () => delay.stop())
    app.addHook('onRequest', (request, _reply, done) => {
      const limitMs = request.record.policy.config.maxEventLoopDelayMs
      const waitedMs = performance.now() - request.record.startedAt
      if (limitMs === 0 || Math.max(delay.current(), waitedMs) <= limitMs) return done()
      metrics.shed.inc({ reason: 'event_loop_delay' })
      return done(overloaded())
    })
  },
  { name: 'load-shedding', dependencies: ['record', 'errors', 'cors'] },
)
