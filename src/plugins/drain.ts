import type { IncomingMessage } from 'node:http'

import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'

import { type Drain, drainingError } from '../drain.ts'
import type { KeystowError } from '../errors.ts'

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
      if (drain.isDraining()) return done(drainingError())
      drain.enter()
      const upload = drain.track((error) => endUpload(request.raw, error))
      reply.raw.on('close', () => {
        drain.untrack(upload)
        drain.leave()
      })
      return done()
    })
  },
  { name: 'drain', dependencies: ['record'] },
)

/** Whoever reads the body answers for it; behind it, the exchange is told by itself. */
function endUpload(message: IncomingMessage, error: KeystowError): void {
  if (!message.complete && message.listenerCount('error') > 0) message.emit('error', error)
}
