import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'

import { KeystowError } from '../errors.ts'
import { parseMediaType } from '../policy/parameters.ts'
import { hasBody } from '../proxy/request-body.ts'

/**
 * Refuses a body whose type can be read in two ways: where the upstream cuts a form at another boundary than Keystow,
 * it finds another model in it. Before Fastify looks at the type, which it reads more kindly.
 */
export default fp(
  async function bodyType(app: FastifyInstance) {
    app.addHook('onRequest', (request, _reply, done) => {
      const written = request.raw.headers['content-type']
      if (written === undefined || !hasBody(request.raw)) return done()
      const type = parseMediaType(written)
      if (type === undefined) return done(new KeystowError('unsupportedMediaType'))
      request.record.bodyType = type
      return done()
    })
  },
  { name: 'body-type', dependencies: ['identity'] },
)
