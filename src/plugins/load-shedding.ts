import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'

import { watchEventLoopDelay } from '../event-loop-delay.ts'
import type { RequestTurns } from '../http/request-turns.ts'
import { overloaded } from '../limits/overloaded.ts'
import type { Metrics } from '../metrics.ts'

interface LoadSheddingOptions {
  readonly metrics: Metrics
  readonly turns: RequestTurns
}

/** Turns new requests away while the process is so late that it would lose those it has. */
export default fp(
  async function loadShedding(app: FastifyInstance, { metrics, turns }: LoadSheddingOptions) {
    const delay = watchEventLoopDelay()
    app.addHook('onClose', () => delay.stop())
    app.addHook('onRequest', (request, _reply, done) => {
      const limitMs = request.record.policy.config.maxEventLoopDelayMs
      if (limitMs === 0 || Math.max(delay.current(), turns.delayMs()) <= limitMs) return done()
      metrics.shed.inc({ reason: 'event_loop_delay' })
      return done(overloaded())
    })
  },
  { name: 'load-shedding', dependencies: ['record', 'errors', 'cors'] },
)
