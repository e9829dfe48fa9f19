import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'

import { KeystowError } from '../errors.ts'
import { findFramingError } from '../policy/framing.ts'
import type { RequestTurns } from '../http/request-turns.ts'
import { createRequestId } from '../request-id.ts'
import type { RequestRecord } from '../request-record.ts'
import { routingOf } from './routing.ts'

declare module 'fastify' {
  interface FastifyRequest {
    record: RequestRecord
  }
}

interface RecordOptions {
  readonly turns: Pick<RequestTurns, 'waitedMs'>
}

/** Gives each request its record and id. */
export default fp(
  async function record(app: FastifyInstance, { turns }: RecordOptions) {
    app.decorateRequest('record')
    app.addHook('onRequest', (request, reply, done) => {
      const { policy, target } = routingOf(request.raw)
      const id = createRequestId()
      const startedAt = performance.now() - turns.waitedMs()
      request.record = { id, startedAt, policy, target, bytes: 0 }
      reply.header('x-request-id', id)
      done()
    })
  },
  { name: 'record' },
)

interface UnreadableOptions {
  readonly headerCountLimit: number
}

/** Refuses what cannot be read in one way only; registered behind CORS, so that a page can read the answer. */
export const refuseUnreadable = fp(
  async function refuseUnreadable(app: FastifyInstance, { headerCountLimit }: UnreadableOptions) {
    app.addHook('onRequest', (request, _reply, done) => {
      const error = findFramingError(request.raw, headerCountLimit)
      if (error !== undefined) return done(error)
      return done(request.record.target === undefined ? new KeystowError('invalidPath') : undefined)
    })
  },
  { name: 'refuse-unreadable', dependencies: ['record'] },
)
