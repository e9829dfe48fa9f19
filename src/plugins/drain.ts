import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'

import { KeystowError } from '../errors.ts'
import type { Drain } from '../drain.ts'

/** Paths that are answered to the end: they say that the process is draining. */
const ALWAYS_ANSWERED: ReadonlySet<string> = new Set(['/healthz', '/readyz', '/metrics'])

interface DrainOptions {
  readonly drain: Drain
}

/** Counts what runs, and turns new requests away once the process is to end. */
export default fp(
  async function drainRequests(app: FastifyInstance, { drain }: DrainOptions) {
    app.addHook('onRequest', (request, reply, done) => {
      const path = request.record.target?.path ?? ''
      if (ALWAYS_ANSWERED.has(path)) return done()
      if (drain.isDraining()) {
        return done(
          new KeystowError('draining', { headers: { 'retry-after': '1', connection: 'close' } }),
        )
      }
      reply.raw.once('close', drain.enter())
      return done()
    })
  },
  { name: 'drain', dependencies: ['record'] },
)
