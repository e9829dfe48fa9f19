import type { FastifyRequest } from 'fastify'

import type { ExchangeEnding } from '../proxy/exchange-options.ts'
import type { Bookkeeping } from '../usage/bookkeeping.ts'

/** Enters how a request ended; the first word on it counts. */
export type Settle = (ending: ExchangeEnding, status: number) => void

/** Nobody waits for it: the ledger keeps it in its turn. */
export function createSettling({ record, log }: FastifyRequest, books: Bookkeeping): Settle {
  return function settle(ending, status) {
    const { firstByteAt, startedAt, bytes, upstreamRequestId } = record
    const firstByteMs = firstByteAt === undefined ? undefined : Math.round(firstByteAt - startedAt)
    const durationMs = Math.round(performance.now() - startedAt)
    books
      .settle({ ending, status, firstByteMs, durationMs, bytes, upstreamRequestId })
      .catch((err: unknown) => log.error({ err, requestId: record.id }, 'not in the ledger'))
  }
}
