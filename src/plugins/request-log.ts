import type { FastifyInstance, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'

import { createTokenRedactor, type TokenRedactor } from '../clients/redact-tokens.ts'
import { KeystowError } from '../errors.ts'
import type { Metrics } from '../metrics.ts'
import { CLIENT_LEFT_STATUS, leaveInFlight, presentedBy } from '../request-record.ts'
import { isBudgetSpent } from '../usage/budget-error.ts'

/** Longer names are no model's. */
const MAX_MODEL_LENGTH = 100

const MAX_QUERY_KEYS = 16
const MAX_QUERY_KEY_LENGTH = 64

interface RequestLogOptions {
  readonly metrics: Metrics
}

/** One line for each request when it is over, however it ended. */
export default fp(
  async function requestLog(app: FastifyInstance, { metrics }: RequestLogOptions) {
    app.addHook('onRequest', (request, reply, done) => {
      metrics.inFlight.inc()
      reply.raw.on('close', () => {
        leaveInFlight(request.record)
        metrics.inFlight.dec()
        // Behind the exchange, which listens to the same event and knows how it ended.
        queueMicrotask(() => {
          const status = isCutShort(request, reply.raw.writableFinished)
            ? CLIENT_LEFT_STATUS
            : reply.raw.statusCode
          metrics.requests.inc({ route: routeOf(request), status })
          countError(request, status, metrics)
          logRequest(request, status)
        })
      })
      done()
    })
  },
  { name: 'request-log', dependencies: ['record'] },
)

const isCutShort = ({ record }: FastifyRequest, isFinished: boolean): boolean =>
  record.ending === undefined ? !isFinished : record.ending === 'cancelled'

const UPSTREAM_ERRORS: ReadonlySet<string> = new Set(['upstream_unavailable', 'upstream_timeout'])

function countError({ record }: FastifyRequest, status: number, metrics: Metrics): void {
  const { error } = record
  if (!(error instanceof KeystowError)) return
  const { code } = error
  if (UPSTREAM_ERRORS.has(code)) metrics.upstreamErrors.inc({ kind: code })
  // A stream that is cut has had its 200.
  if (isBudgetSpent(error) && status === 429) metrics.limited.inc({ limit: 'budget' })
}

/** The family's name, the route Keystow answers itself, or `unknown`: never what a client made up. */
function routeOf(request: FastifyRequest): string {
  return request.record.target?.family?.name ?? request.routeOptions.url ?? 'unknown'
}

function logRequest(request: FastifyRequest, status: number): void {
  const { record } = request
  const line = toLogFields(request, status)
  // Who has spent a budget may ask again and again: that is no failure of anybody's.
  const isFailure = (status >= 500 || record.ending === 'aborted') && !isBudgetSpent(record.error)
  if (record.error !== undefined && isFailure) request.log.error({ ...line, err: record.error })
  else request.log.info(line)
}

/** The allow-list of what is logged of a request. */
function toLogFields(request: FastifyRequest, status: number): Record<string, unknown> {
  const { record, method } = request
  const { target, client, model, isStream, firstByteAt, startedAt } = record
  const now = performance.now()
  const tokens = tokenRedactorOf(request)
  return {
    requestId: record.id,
    method,
    route: routeOf(request),
    // An unknown path is the client's text, and people paste keys anywhere.
    path: target?.family === undefined ? undefined : tokens.path(target.path),
    queryKeys:
      target === undefined || target.search === '' ? undefined : queryKeys(target.search, tokens),
    status,
    client: client?.id,
    model: model === undefined ? undefined : modelName(model, tokens),
    stream: isStream,
    durationMs: Math.round(now - startedAt),
    firstByteMs: firstByteAt === undefined ? undefined : Math.round(firstByteAt - startedAt),
    bytes: record.bytes,
    ending: record.ending,
    upstreamRequestId: record.upstreamRequestId,
    credential: record.credential,
    error: record.error === undefined || !('code' in record.error) ? undefined : record.error.code,
    msg: 'request',
  }
}

/** Before a name is cut: half a token would no longer be known for one. */
const queryKeys = (search: string, tokens: TokenRedactor): string[] =>
  tokens.queryNames(search, MAX_QUERY_KEYS).map((name) => name.slice(0, MAX_QUERY_KEY_LENGTH))

/** A token that begins in what is shown ends in what is looked at. */
const modelName = (model: string, tokens: TokenRedactor): string =>
  tokens.text(model.slice(0, 10 * MAX_MODEL_LENGTH)).slice(0, MAX_MODEL_LENGTH)

/** Takes out of a line what the request presented as a token, and what is one. */
export const tokenRedactorOf = ({ raw, record }: FastifyRequest): TokenRedactor =>
  createTokenRedactor({
    presented: presentedBy(record, raw.headers),
    isToken: record.policy.isToken,
  })
