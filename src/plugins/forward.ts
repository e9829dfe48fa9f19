import httpProxy from '@fastify/http-proxy'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import type { Dispatcher } from 'undici'

import type { Drain } from '../drain.ts'
import { KeystowError } from '../errors.ts'
import type { Metrics } from '../metrics.ts'
import { bodyKind } from '../policy/body-kind.ts'
import { checkModel } from '../policy/client-policy.ts'
import { type InboundBody, readInboundBody } from '../policy/inbound-body.ts'
import { FORWARDED_METHODS } from '../policy/methods.ts'
import type { BodyMemory } from '../proxy/body-memory.ts'
import { type CredentialTurns, startTurns } from '../proxy/credential-turns.ts'
import { type OutboundRequest, startExchange } from '../proxy/exchange.ts'
import type { EgressScanner } from '../proxy/egress-scan.ts'
import { buildOutboundHeaders } from '../proxy/outbound-headers.ts'
import { hasBody } from '../proxy/request-body.ts'
import { findStreamForm } from '../proxy/stream-form.ts'
import type { UpstreamPlaces } from '../proxy/upstream-places.ts'
import { CLIENT_LEFT_STATUS } from '../request-record.ts'
import { askForUsage } from '../usage/ask-for-usage.ts'
import { type Bookkeeping, createBookkeeping } from '../usage/bookkeeping.ts'
import { createDemandMeter } from '../usage/demand.ts'
import { type Endpoint, findEndpoint } from '../usage/endpoint.ts'
import { createFormDemandMeter } from '../usage/form-demand.ts'
import type { EntryEnding } from '../usage/ledger-entry.ts'
import { createMeter, type Meter } from '../usage/meter.ts'
import { createUsageFrameFilter } from '../usage/usage-frame.ts'
import type { ServingLedger } from '../workers/ledger-calls.ts'
import { tokenRedactorOf } from './request-log.ts'
import { familyConstraint } from './routing.ts'

interface ForwardOptions {
  readonly dispatcher: Dispatcher
  readonly places: UpstreamPlaces
  readonly bodyMemory: BodyMemory
  readonly drain: Drain
  readonly scanner: EgressScanner
  readonly metrics: Metrics
  readonly ledger: ServingLedger
}

/** One mount for every family; `@fastify/http-proxy` routes and checks the destination, the exchange does the hop. */
export default fp(
  async function forwardFamilies(app: FastifyInstance, options: ForwardOptions) {
    // A parser that reads a body would take it from the hop.
    app.removeAllContentTypeParsers()
    app.addConstraintStrategy(familyConstraint)
    await app.register(httpProxy, {
      upstream: '',
      constraints: { family: true },
      httpMethods: [...FORWARDED_METHODS],
      undici: options.dispatcher,
      replyOptions: {
        getUpstream: (request) => request.record.target?.family?.origin ?? '',
      },
      handler: (request, reply) => forward(request, reply, options),
    })
  },
  { name: 'forward', dependencies: ['identity', 'path-policy'] },
)

async function forward(
  request: FastifyRequest,
  reply: FastifyReply,
  options: ForwardOptions,
): Promise<void> {
  const { record, raw } = request
  const { target, client } = record
  const family = target?.family
  if (target === undefined || family === undefined || client === undefined) {
    throw new Error('a request was routed to a family without a target or a client')
  }
  const endpoint = findEndpoint(request.method, { path: target.path, family: family.name })
  const contentType = raw.headers['content-type'] ?? ''
  const demand =
    bodyKind(contentType) === 'parts'
      ? createFormDemandMeter(endpoint, contentType)
      : createDemandMeter(endpoint)
  const body = await readInboundBody(raw, reply.raw, {
    demand,
    limitBytes: record.policy.bodyLimitBytes,
    memory: options.bodyMemory,
    isModelChecked: client.models !== undefined,
  })
  const { model, stream } = body.fields
  if (model !== undefined) record.model = model
  if (stream !== undefined) record.isStream = stream
  if (!isRead(request.method)) checkModel(client, target, model)

  const { content, length, isAdded } = withUsage(body, endpoint)
  const isWhole = content === null || Buffer.isBuffer(content)
  const asked = demand.read()
  const meter = createMeter({ endpoint, demand: isWhole ? () => asked : demand.read })
  const { id, startedAt } = record
  const books = createBookkeeping({
    ledger: options.ledger,
    pricing: record.policy.config.pricing,
    meter,
    demand,
    request: { id, startedAt, clientId: client.id, path: target.path, model, family: family.name },
  })
  const headers = buildOutboundHeaders(raw.rawHeaders, family)
  if (length !== undefined) headers.push('content-length', String(length))
  await books.open()
  const turns = startTurns(family.pool, { model: model ?? family.name, isRepeatable: isWhole })
  const path = target.path + target.search
  const buildOutbound = (): OutboundRequest => {
    const turn = turns.current()
    if (family.pool.members.length > 1) record.credential = turn.credential.fingerprint
    // Last, so that nothing the client sent can stand beside it or take it out.
    const withCredential = family.withCredential(headers, turn)
    const { origin } = family
    return { origin, path, method: request.method, headers: withCredential, body: content }
  }
  return exchange(request, reply, { ...options, turns, buildOutbound, meter, books, isAdded })
}

interface Attempts {
  readonly turns: CredentialTurns
  /** The request as it goes out with the current credential. */
  readonly buildOutbound: () => OutboundRequest
  readonly meter: Meter
  readonly books: Bookkeeping
  /** The usage of a stream was asked for by Keystow alone. */
  readonly isAdded: boolean
}

/** The body to send: a stream of talk is asked for its usage. */
function withUsage({ content, length, fields, layout }: InboundBody, endpoint: Endpoint) {
  const isTalk = endpoint === 'chat' || endpoint === 'completions'
  const isAsked = isTalk && fields.stream === true && layout !== undefined
  if (!isAsked || !Buffer.isBuffer(content)) return { content, length, isAdded: false }
  const asking = askForUsage(content, layout)
  if (typeof asking === 'string') throw new KeystowError('invalidBody', { message: asking })
  return { ...asking, length: asking.content.length }
}

const isRead = (method: string): boolean => method === 'GET' || method === 'HEAD'

/** Resolves once the answer is in the exchange's hands, and rejects with what Fastify is to answer instead. */
function exchange(
  request: FastifyRequest,
  reply: FastifyReply,
  options: ForwardOptions & Attempts,
): Promise<void> {
  const { dispatcher, places, drain, scanner, metrics, turns, buildOutbound } = options
  const { meter, books, isAdded } = options
  const { record } = request
  /** Nobody waits for it: the ledger keeps it in its turn. */
  const settle = (ending: EntryEnding, status: number): void => {
    const { firstByteAt, startedAt, bytes, upstreamRequestId } = record
    const firstByteMs = firstByteAt === undefined ? undefined : Math.round(firstByteAt - startedAt)
    const durationMs = Math.round(performance.now() - startedAt)
    books
      .settle({ ending, status, firstByteMs, durationMs, bytes, upstreamRequestId })
      .catch((err: unknown) =>
        request.log.error({ err, requestId: record.id }, 'not in the ledger'),
      )
  }
  /** The request's own line names only the credential that was used last. */
  const sendAgain = (status?: number): OutboundRequest => {
    const { id: requestId, credential } = record
    request.log.warn({ requestId, credential, status }, 'refused: sent again with another key')
    return buildOutbound()
  }
  return new Promise((resolve, reject) => {
    let untrack = (): void => {}
    const running = startExchange({
      dispatcher,
      places,
      clocks: record.policy.clocks,
      scanner,
      tap: {
        sent: () => books.sent(),
        begin(head) {
          meter.begin(head)
          const isHidden = isAdded && head.isEventStream && head.status === 200
          return isHidden ? createUsageFrameFilter() : undefined
        },
        write: (bytes) => meter.write(bytes),
      },
      headerCountLimit: record.policy.config.upstreamHeaderCountLimit,
      request: buildOutbound(),
      response: reply.raw,
      streamForm: findStreamForm(record.target?.path ?? ''),
      onAnswer: (status, rawHeaders) =>
        turns.answered(status, rawHeaders) ? sendAgain(status) : undefined,
      onUnanswered: (error) => (turns.failed(error) ? sendAgain() : undefined),
      onHead(head) {
        if (head.requestId !== undefined) record.upstreamRequestId = head.requestId
        if (head.isEventStream) record.isStream = true
        // A connection cannot be used again while the client still sends a body that nobody reads.
        if (!request.raw.complete && hasBody(request.raw)) reply.header('connection', 'close')
        reply.hijack()
        resolve()
        return flatten(reply.getHeaders())
      },
      onLeak(count) {
        metrics.redactions.inc(count)
        const path = tokenRedactorOf(request).path(record.target?.path ?? '')
        request.log.error({ alarm: 'credential_in_answer', requestId: record.id, path, count })
      },
      onFirstByte() {
        record.firstByteAt = performance.now()
      },
      onRefused: (error) => {
        untrack()
        turns.end()
        settle('aborted', error.status)
        reject(error)
      },
      onEnded(ending, bytes, error) {
        untrack()
        turns.end()
        record.ending = ending
        record.bytes = bytes
        if (error !== undefined) record.error = error
        settle(ending, ending === 'cancelled' ? CLIENT_LEFT_STATUS : reply.raw.statusCode)
        // Before the client has the end, so that its next request finds the place free.
        record.slot?.release()
        if (reply.sent) return
        reply.hijack()
        resolve()
      },
    })
    untrack = drain.track(running.end)
  })
}

function flatten(headers: ReturnType<FastifyReply['getHeaders']>): string[] {
  return Object.entries(headers).flatMap(([name, value]) =>
    value === undefined ? [] : [name, String(value)],
  )
}
