import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'

import { KeystowError } from '../errors.ts'
import { framingProblem } from '../policy/framing.ts'
import { createRequestId } from '../request-id.ts'
import type { RequestRecord } from '../request-record.ts'
import { routingOf } from './routing.ts'

declare module 'fastify' {
  interface FastifyRequest {
    record: RequestRecord
  }
}

/** Gives each request its record and id, and refuses what has no readable path. */
export default fp(
  async function record(app: FastifyInstance) {
    app.decorateRequest('record')
    app.addHook('onRequest', (request, reply, done) => {
      const { policy, target } = routingOf(request.raw)
      const id = createRequestId()
      request.record = { id, startedAt: performance.now(), policy, target, bytes: 0 }
      reply.header('x-request-id', id)
      done()
    })
  },
  { name: 'record' },
)

/** Refuses what cannot be read in one way only; registered behind CORS, so that a page can read the answer. */
export const refuseUnreadable = fp(
  async function refuseUnreadable(app: FastifyInstance) {
    app.addHook('onRequest', (request, _reply, done) => {
      const problem = framingProblem(request.raw)
      if (problem !== undefined) {
        // Where the next request would begin is anybody's guess.
        const headers = { connection: 'close' }
        return done(new KeystowError('badRequest', { message: problem, headers }))
      }
      return done(request.record.target === undefined ? new KeystowError('invalidPath') : undefined)
    })
  },
  { name: 'refuse-unreadable', dependencies: ['record'] },
)
