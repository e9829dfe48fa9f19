import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'

import { isTokenInPath } from '../clients/url-tokens.ts'
import { KeystowError } from '../errors.ts'
import { checkPath } from '../policy/client-policy.ts'
import { findClosedPath } from '../policy/closed-paths.ts'
import { presentedBy } from '../request-record.ts'

/** Refuses paths that are closed for everybody, and those that this client may not use. */
export default fp(
  async function pathPolicy(app: FastifyInstance) {
    app.addHook('onRequest', (request, _reply, done) => {
      const { client, target, policy } = request.record
      if (client === undefined || target === undefined) return done(new KeystowError('invalidPath'))
      const presented = presentedBy(request.record, request.raw.headers)
      if (isTokenInPath(target.path, { presented, isToken: policy.isToken })) {
        return done(
          new KeystowError('invalidPath', {
            message: 'The path holds a token. Send it in the Authorization header alone.',
          }),
        )
      }
      const openedBy = findClosedPath(request.method, target.path, policy.config.openPaths)
      if (openedBy !== undefined) {
        return done(
          new KeystowError('notAllowed', {
            // Some are closed to reading alone, and who is told so of the path gives up sending to it.
            message: `${request.method} ${target.path} is closed: under one shared key it would show one client another's data, or the account. The operator can open it with "openPaths: [${openedBy}]" in config/keystow.yaml.`,
          }),
        )
      }
      checkPath(client, target.path)
      return done()
    })
  },
  { name: 'path-policy', dependencies: ['identity'] },
)
