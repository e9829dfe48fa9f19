import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'

import type { Client } from '../clients/client.ts'
import { KeystowError } from '../errors.ts'
import { mustKnowModel } from '../policy/client-policy.ts'
import { parseMediaType } from '../policy/parameters.ts'
import { hasBody } from '../proxy/request-body.ts'

const UNKNOWN_TYPE = 'application/octet-stream'

/** With two boundaries Keystow and the upstream would read two bodies. */
const NAMES_PARTS = /multipart|boundary/i

/**
 * Refuses a body whose type can be read in two ways, if its client may not have every model or if it may be a form:
 * where the upstream cuts a form at another boundary than Keystow, it finds another model in it.
 */
export default fp(
  async function bodyType(app: FastifyInstance) {
    app.addHook('onRequest', ({ raw, record }, _reply, done) => {
      const written = raw.headers['content-type']
      if (written === undefined || !hasBody(raw)) return done()
      const type = parseMediaType(written)
      if (type !== undefined) record.bodyType = type
      else if (isStrict(record.client) || NAMES_PARTS.test(written)) {
        return done(new KeystowError('unsupportedMediaType'))
      }
      // The upstream gets what was written. Fastify would refuse what it cannot read itself.
      else raw.headers['content-type'] = UNKNOWN_TYPE
      return done()
    })
  },
  { name: 'body-type', dependencies: ['identity'] },
)

const isStrict = (client: Client | undefined): boolean =>
  client !== undefined && mustKnowModel(client)
