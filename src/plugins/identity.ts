import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'

import { addressKey } from '../clients/address.ts'
import { createAddressClient } from '../clients/address-client.ts'
import type { Client } from '../clients/client.ts'
import { presentedToken } from '../clients/presented-token.ts'
import { KeystowError } from '../errors.ts'
import type { RefuseToken } from '../limits/auth-failures.ts'
import { isLocalName } from '../policy/local-host.ts'

interface IdentityOptions {
  readonly refuseToken: RefuseToken
}

/** Finds out who is calling, and refuses whoever may not. */
export default fp(
  async function identity(app: FastifyInstance, { refuseToken }: IdentityOptions) {
    app.addHook('onRequest', function identify(request, reply, done) {
      const { headers, rawHeaders } = request.raw
      const { config, findTokenClient } = request.record.policy
      const token = presentedToken(headers, rawHeaders)
      const client = token === undefined ? undefined : findTokenClient(token)
      if (client !== undefined) {
        request.record.client = client
        checkOrigin(client, request, reply)
      } else if (config.openAccess) {
        checkOpenHost(request)
        checkOpenOrigin(request, reply)
        request.record.client = createAddressClient(addressKey(request.ip ?? ''), config)
      } else {
        const error = new KeystowError('invalidApiKey')
        refuseToken(request.ip, error, config.authFailureLimitPerMinute).catch(done)
        return
      }
      done()
    })

    function checkOrigin(client: Client, request: FastifyRequest, reply: FastifyReply): void {
      const { origin } = request.headers
      const { cors } = request.record.policy
      if (origin === undefined || cors.isOriginOf(client, origin)) return
      if (client.origins !== undefined) {
        // The page may read that, as any other refusal, where its origin is one that some client may be called from.
        throw new KeystowError('notAllowed', {
          message:
            "This client may not be called from pages of this origin. Its operator can add it to the client's origins.",
        })
      }
      // Without a list of its own, a client may well be a server that passes a browser's Origin on. A page whose origin
      // is another client's may not read its answers.
      reply.removeHeader('access-control-allow-origin')
    }

    /**
     * A page whose name is made to lead to this machine (DNS rebinding) is of the same origin as what answers there,
     * so that it needs no permission to read it; but it cannot choose the Host that is sent.
     */
    function checkOpenHost({ headers: { host }, record }: FastifyRequest): void {
      if (!record.policy.config.isOnlyLocal || host === undefined || isLocalName(host)) return
      throw new KeystowError('notAllowed', {
        message:
          'Without a token this server is for its own machine only, and the request is for another name. Call it by its address or as localhost; its operator can name a proxy in TRUST_PROXY.',
      })
    }

    /** A page needs no preflight, and so no permission, to send a text/plain POST and spend what it costs. */
    function checkOpenOrigin(request: FastifyRequest, reply: FastifyReply): void {
      const { origin } = request.headers
      const isForeign =
        origin === undefined
          ? request.headers['sec-fetch-site'] === 'cross-site'
          : !request.record.policy.cors.isOpenOrigin(origin)
      if (!isForeign) return
      // Known for a client only.
      reply.removeHeader('access-control-allow-origin')
      throw new KeystowError('notAllowed', {
        message:
          'Pages of this origin may not call this server. Its operator can add the origin to ALLOWED_ORIGINS.',
      })
    }
  },
  { name: 'identity', dependencies: ['record', 'cors'] },
)
