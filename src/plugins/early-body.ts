import type { IncomingMessage } from 'node:http'

import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'

import { isRead } from '../policy/methods.ts'
import { declaredLength, readBody } from '../proxy/request-body.ts'

/** No more than Node keeps of a body that nobody reads. */
const MAX_EARLY_BYTES = 16 * 1024

const JSON_TYPE = /^application\/json(?:;|$)/

/**
 * Reads a small JSON body while the limits are still being asked. It has mostly come with its head, and what nobody
 * reads goes through the buffers of a stream first: that costs more than all that is done with it here.
 */
export default fp(
  async function earlyBody(app: FastifyInstance) {
    app.addHook('onRequest', (request, _reply, done) => {
      if (isSmallJson(request.raw)) request.record.reading = readBody(request.raw)
      done()
    })
  },
  { name: 'early-body', dependencies: ['identity'] },
)

function isSmallJson(request: IncomingMessage): boolean {
  const { method, headers } = request
  const length = declaredLength(request) ?? Infinity
  if (isRead(method) || length > MAX_EARLY_BYTES || headers.expect !== undefined) return false
  return JSON_TYPE.test(headers['content-type'] ?? '')
}
