import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'

import { KeystowError } from '../errors.ts'

/** CORS headers on every answer, and the answer to preflights: before identity, limits and body. */
export default fp(
  async function cors(app: FastifyInstance) {
    app.addHook('onRequest', (request, reply, done) => {
      const { origin } = request.headers
      const { cors: policy } = request.record.policy
      reply.headers(policy.answerHeaders(origin))
      if (request.method !== 'OPTIONS' || origin === undefined) return done()
      if (request.headers['access-control-request-method'] === undefined) return done()
      if (!policy.isKnownOrigin(origin)) {
        return done(
          new KeystowError('notAllowed', {
            message:
              'Pages of this origin may not call this server. Its operator can add the origin to ALLOWED_ORIGINS.',
          }),
        )
      }
      reply.headers(policy.preflightHeaders(request.headers['access-control-request-headers']))
      return reply.code(204).send()
    })
  },
  { name: 'cors', dependencies: ['record'] },
)
