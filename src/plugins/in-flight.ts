import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'

import { overloaded } from '../limits/overloaded.ts'
import type { Metrics } from '../metrics.ts'
import { shareOf } from '../workers/share.ts'

interface InFlightOptions {
  readonly metrics: Metrics
}

/** What the whole instance takes at once, before a client's own limits are asked. */
export default fp(
  async function inFlight(app: FastifyInstance, { metrics }: InFlightOptions) {
    let running = 0
    app.addHook('onRequest', (request, reply, done) => {
      const { inFlightLimit, workers } = request.record.policy.config
      const limit = shareOf(inFlightLimit, workers)
      if (limit > 0 && running >= limit) {
        metrics.shed.inc({ reason: 'in_flight' })
        return done(overloaded())
      }
      running++
      reply.raw.on('close', () => running--)
      return done()
    })
  },
  { name: 'in-flight', dependencies: ['identity'] },
)
