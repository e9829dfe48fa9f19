import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'

import { overloaded } from '../limits/overloaded.ts'
import type { ProcessTotal } from '../limits/process-total.ts'
import type { Metrics } from '../metrics.ts'
import { leaveInFlight } from '../request-record.ts'

interface InFlightOptions {
  readonly requests: ProcessTotal
  readonly metrics: Metrics
}

/** What the whole instance takes at once, before a client's own limits are asked. */
export default fp(
  async function inFlight(app: FastifyInstance, { requests, metrics }: InFlightOptions) {
    app.addHook('onRequest', ({ record }, _reply, done) => {
      if (!requests.take(1, record.policy.config.inFlightLimit)) {
        metrics.shed.inc({ reason: 'in_flight' })
        return done(overloaded())
      }
      record.countedIn = requests
      return done()
    })

    // Before the client has the answer, so that its next request finds room, whatever thread it comes to.
    app.addHook('onSend', ({ record }, _reply, payload, done) => {
      leaveInFlight(record)
      done(null, payload)
    })
  },
  { name: 'in-flight', dependencies: ['identity'] },
)
