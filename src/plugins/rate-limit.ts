import rateLimit, { type FastifyRateLimitStoreCtor } from '@fastify/rate-limit'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'

import type { Client } from '../clients/client.ts'
import { KeystowError } from '../errors.ts'
import { tooManyRequests } from '../limits/too-many-requests.ts'
import type { Metrics } from '../metrics.ts'
import type { LimitStore } from '../stores/limit-store.ts'

const MINUTE_MS = 60_000

interface RateLimitOptions {
  readonly limitStore: LimitStore
  readonly metrics: Metrics
}

/** Requests a minute for each client, in a fixed window. */
export default fp(
  async function requestsPerMinute(
    app: FastifyInstance,
    { limitStore, metrics }: RateLimitOptions,
  ) {
    await app.register(rateLimit, { global: false, store: createStoreClass(limitStore) })
    const countRequest = app.createRateLimit({
      timeWindow: MINUTE_MS,
      max: (request) => clientOf(request).rateLimitPerMinute,
      keyGenerator: (request) => clientOf(request).limitKey,
    })

    app.addHook('onRequest', async function limitRate(request, reply) {
      if (clientOf(request).rateLimitPerMinute === 0) return
      const limit = await countRequest(request)
      if (limit.isAllowed) return
      reply.headers({
        'x-ratelimit-limit-requests': String(limit.max),
        'x-ratelimit-remaining-requests': String(limit.remaining),
        'x-ratelimit-reset-requests': `${limit.ttlInSeconds}s`,
      })
      if (!limit.isExceeded) return
      metrics.limited.inc({ limit: 'requests_per_minute' })
      throw tooManyRequests('rateLimited', limit.ttl)
    })
  },
  { name: 'requests-per-minute', dependencies: ['identity'] },
)

function clientOf(request: FastifyRequest): Client {
  const { client } = request.record
  if (client === undefined) throw new KeystowError('invalidApiKey')
  return client
}

/** The plugin's own stores forget the least recent of 5,000 keys, and with it a client that is being limited. */
function createStoreClass(limitStore: LimitStore): FastifyRateLimitStoreCtor {
  return class Store {
    incr(
      key: string,
      callback: (error: Error | null, result?: { current: number; ttl: number }) => void,
    ): void {
      limitStore.countRequest(key, MINUTE_MS).then(
        ({ count, resetAfterMs }) => callback(null, { current: count, ttl: resetAfterMs }),
        (error: Error) => callback(error),
      )
    }

    child(): Store {
      return this
    }
  }
}
