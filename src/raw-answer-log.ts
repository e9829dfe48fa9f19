import type { FastifyBaseLogger } from 'fastify'

import type { RawAnswer } from './http/connection.ts'
import type { Metrics } from './metrics.ts'

interface RawAnswerLogOptions {
  readonly logger: FastifyBaseLogger
  readonly metrics: Metrics
}

/** The line of a request that never became one: nothing that its client sent stands in it. */
export function createRawAnswerLog({ logger, metrics }: RawAnswerLogOptions) {
  return function logRawAnswer({ requestId, error, address }: RawAnswer): void {
    const { status, code } = error
    metrics.requests.inc({ route: 'unknown', status })
    logger.info({ requestId, route: 'unknown', status, address, error: code, msg: 'request' })
  }
}
