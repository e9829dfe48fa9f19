import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'

import { tooManyRequests } from '../limits/too-many-requests.ts'
import type { Metrics } from '../metrics.ts'
import type { LimitStore } from '../stores/limit-store.ts'

/** Nobody knows when a running request ends; SDKs wait this long before they ask again. */
const RETRY_AFTER_MS = 1000

interface ConcurrencyOptions {
  readonly limitStore: LimitStore
  readonly metrics: Metrics
}

/** Requests in flight for each client. The place is given back with the one in `in-flight.ts`. */
export default fp(
  async function concurrency(app: FastifyInstance, { limitStore, metrics }: ConcurrencyOptions) {
    app.addHook('onRequest', async function takeSlot(request, reply) {
      const { record } = request
      const limit = record.client?.concurrencyLimit ?? 0
      if (record.client === undefined || limit === 0) return
      const slot = await limitStore.takeSlot(record.client.limitKey, limit)
      if (slot === undefined) {
        metrics.limited.inc({ limit: 'in_flight' })
        throw tooManyRequests('tooManyInFlight', RETRY_AFTER_MS)
      }
      record.slot = slot
      // It left while the store was asked, and its close event has passed.
      if (reply.raw.destroyed) slot.release()
    })
  },
  { name: 'concurrency', dependencies: ['in-flight'] },
)
