import { timingSafeEqual } from 'node:crypto'

import type { FastifyInstance } from 'fastify'

import { hashClientToken } from '../clients/client-token.ts'
import { presentedToken } from '../clients/presented-token.ts'
import { KeystowError } from '../errors.ts'
import type { RefuseToken } from '../limits/auth-failures.ts'
import type { Metrics } from '../metrics.ts'
import { describeUpstreams } from '../proxy/describe-upstreams.ts'
import type { LedgerStore } from '../stores/ledger-store.ts'
import type { Secret } from '../secret.ts'
import adminUsage from './admin-usage.ts'

interface AdminOptions {
  /** Without it these paths do not exist. */
  readonly adminToken: Secret | undefined
  readonly metrics: Metrics
  readonly exposition: () => Promise<string>
  readonly refuseToken: RefuseToken
  readonly ledger: Pick<LedgerStore, 'usage'>
  readonly timeZone: string
}

/** What the operator reads, with the admin token as bearer. */
export default async function admin(app: FastifyInstance, options: AdminOptions): Promise<void> {
  const { adminToken, metrics, exposition, refuseToken } = options
  if (adminToken === undefined) return
  const expected = hashClientToken(adminToken.reveal())
  app.addHook('onRequest', async (request) => {
    const token = presentedToken(request.raw.headers, request.raw.rawHeaders)
    if (token !== undefined && timingSafeEqual(hashClientToken(token), expected)) return
    const error = new KeystowError('invalidApiKey', {
      message:
        'Incorrect admin token. Send the ADMIN_TOKEN of this server as "Authorization: Bearer <token>".',
    })
    const { authFailureLimitPerMinute } = request.record.policy.config
    await refuseToken(request.ip, error, authFailureLimitPerMinute)
  })
  app.get('/metrics', async (_request, reply) => {
    reply.type(metrics.registry.contentType)
    return exposition()
  })
  await app.register(adminUsage, options)
  app.get('/admin/upstreams', ({ record }) => ({
    upstreams: describeUpstreams(record.policy.families),
  }))
}
