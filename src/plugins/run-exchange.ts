import type { FastifyReply, FastifyRequest } from 'fastify'

import type { Drain, Tracked } from '../drain.ts'
import type { Metrics } from '../metrics.ts'
import type { BulkTurns } from '../proxy/bulk-turns.ts'
import {
  type CredentialTurns,
  endTurns,
  noteAnswer,
  noteFailure,
  startTurns,
} from '../proxy/credential-turns.ts'
import type { EgressScanner } from '../proxy/egress-scan.ts'
import { endExchange, startExchange } from '../proxy/exchange.ts'
import type { Exchange } from '../proxy/exchange-state.ts'
import type {
  ExchangeEnding,
  ExchangeListener,
  ExchangeOptions,
  OutboundRequest,
} from '../proxy/exchange-options.ts'
import { buildOutboundHeaders } from '../proxy/outbound-headers.ts'
import { hasBody } from '../proxy/request-body.ts'
import { findStreamForm } from '../proxy/stream-form.ts'
import type { UpstreamClient } from '../proxy/upstream-client.ts'
import type { UpstreamPlaces } from '../proxy/upstream-places.ts'
import { CLIENT_LEFT_STATUS, leaveInFlight } from '../request-record.ts'
import { type Books, createMayGoOn, settleBooks } from '../usage/bookkeeping.ts'
import { createFrameFilter } from '../usage/usage-frame.ts'
import type { Call } from './read-call.ts'
import { tokenRedactorOf } from './request-log.ts'

/** What requests are forwarded with. */
export interface ForwardServices {
  readonly dispatcher: UpstreamClient
  readonly places: UpstreamPlaces
  readonly bulk: BulkTurns
  readonly drain: Drain
  readonly scanner: EgressScanner
  readonly metrics: Metrics
}

/** A request that is forwarded, and what goes with it. */
export interface Forwarding {
  readonly request: FastifyRequest
  readonly reply: FastifyReply
  readonly services: ForwardServices
  readonly call: Call
  readonly books: Books
  sending?: Sending
  running?: Exchange<Forwarding>
  tracked?: Tracked
  /** Until its answer is in the exchange's hands, or Fastify is to answer instead. */
  taking?: PromiseWithResolvers<void> | undefined
}

interface Sending {
  readonly turns: CredentialTurns
  /** Without the credential: name, value, name, value. Gone with the answer, behind which no attempt can follow. */
  headers: readonly string[] | undefined
}

/** Resolves once the answer is in the exchange's hands, and rejects with what Fastify is to answer instead. */
export function runExchange(forwarding: Forwarding): Promise<void> {
  const taking = Promise.withResolvers<void>()
  forwarding.taking = taking
  try {
    start(forwarding)
  } catch (error) {
    taking.reject(error)
  }
  return taking.promise
}

function start(forwarding: Forwarding): void {
  const { request, reply, services, call, books } = forwarding
  const { clocks, config } = request.record.policy
  const sending = prepareSending(request, call)
  forwarding.sending = sending
  const outbound = buildOutbound(forwarding, sending.turns, sending.headers)
  const { origin, path, method } = outbound
  const options: ExchangeOptions<Forwarding> = {
    owner: forwarding,
    listener: LISTENER,
    dispatcher: services.dispatcher,
    places: services.places,
    bulk: services.bulk,
    scanner: services.scanner,
    clocks,
    headerCountLimit: config.upstreamHeaderCountLimit,
    asked: { origin, path, method },
    response: reply.raw,
    streamForm: findStreamForm(request.record.target?.path ?? ''),
    mayGoOn: createMayGoOn(books),
  }
  const running = startExchange(options, outbound)
  forwarding.running = running
  if (!running.isOver) {
    forwarding.tracked = services.drain.track((error) => endExchange(running, error))
  }
}

/** Chooses a credential. */
function prepareSending({ raw }: FastifyRequest, call: Call) {
  const { family, fields, length, isWhole } = call
  const headers = buildOutboundHeaders(raw.rawHeaders, family)
  if (length !== undefined) headers.push('content-length', String(length))
  const model = fields.model ?? family.name
  return { headers, turns: startTurns(family.pool, { model, isRepeatable: isWhole }) }
}

/** The request as it goes out with the current credential; built anew for every attempt. */
function buildOutbound(
  { request: { record, method }, call }: Forwarding,
  turns: CredentialTurns,
  headers: readonly string[],
): OutboundRequest {
  const { family, target, content } = call
  const { credential } = turns.current
  if (family.pool.members.length > 1) record.credential = credential.fingerprint
  // Last, so that nothing the client sent can stand beside it or take it out.
  const withCredential = family.withCredential(headers, turns.current)
  const path = target.path + target.search
  return { origin: family.origin, path, method, headers: withCredential, body: content }
}

const LISTENER: ExchangeListener<Forwarding> = {
  onSent({ books }) {
    books.isSent = true
  },
  onAnswer(forwarding, status, rawHeaders) {
    const { request, sending } = forwarding
    if (sending === undefined) return undefined
    if (noteAnswer(sending.turns, status, rawHeaders)) return sendAgain(forwarding, sending, status)
    if (KEY_REFUSALS.has(status)) {
      const { fingerprint: credential } = sending.turns.current.credential
      const { id: requestId } = request.record
      request.log.warn({ requestId, credential, status }, 'the upstream refused the key')
    }
    return undefined
  },
  onUnanswered(forwarding, error) {
    const { sending } = forwarding
    if (sending === undefined || !noteFailure(sending.turns, error)) return undefined
    return sendAgain(forwarding, sending)
  },
  onBegin({ call, sending }, head) {
    call.meter.begin(head)
    if (sending !== undefined) sending.headers = undefined
    const isHidden = call.isUsageAdded && head.isEventStream && head.status === 200
    return isHidden ? createFrameFilter() : undefined
  },
  onHead(forwarding, head) {
    const { request, reply } = forwarding
    const { record, raw } = request
    if (head.requestId !== undefined) record.upstreamRequestId = head.requestId
    if (head.isEventStream) record.isStream = true
    // A connection cannot be used again while the client still sends a body that nobody reads.
    if (!raw.complete && hasBody(raw)) reply.header('connection', 'close')
    takeOver(forwarding)
    return flatten(reply.getHeaders())
  },
  onBytes: ({ call }, bytes) => call.meter.write(bytes),
  onFirstByte({ request }) {
    request.record.firstByteAt = performance.now()
  },
  onLeak({ request, services }, count) {
    const { record, log } = request
    services.metrics.redactions.inc(count)
    const path = tokenRedactorOf(request).path(record.target?.path ?? '')
    log.error({ alarm: 'credential_in_answer', requestId: record.id, path, count })
  },
  onRefused(forwarding, error) {
    endForwarding(forwarding, 'aborted', error.status)
    forwarding.taking?.reject(error)
  },
  onEnded(forwarding, { ending, bytes, error }) {
    const { request, reply } = forwarding
    const { record } = request
    record.ending = ending
    record.bytes = bytes
    if (error !== undefined) record.error = error
    const status = ending === 'cancelled' ? CLIENT_LEFT_STATUS : reply.raw.statusCode
    endForwarding(forwarding, ending, status)
    // Before the client has the end, so that its next request finds the place free.
    leaveInFlight(record)
    if (!reply.sent) takeOver(forwarding)
  },
}

/** The client reads it as if its own token were meant: unknown, and (a reseller's) out of points. */
const KEY_REFUSALS: ReadonlySet<number> = new Set([401, 428])

/** The request's own line names only the credential that was used last. */
function sendAgain(
  forwarding: Forwarding,
  sending: Sending,
  status?: number,
): OutboundRequest | undefined {
  const { turns, headers } = sending
  if (headers === undefined) return undefined
  const { request, books } = forwarding
  const { id: requestId, credential } = request.record
  // Nothing was done for what went out.
  books.isSent = false
  request.log.warn({ requestId, credential, status }, 'refused: sent again with another key')
  return buildOutbound(forwarding, turns, headers)
}

function takeOver(forwarding: Forwarding): void {
  forwarding.reply.hijack()
  forwarding.taking?.resolve()
  forwarding.taking = undefined
}

/** It is over; the first word on how counts. */
export function endForwarding(
  forwarding: Forwarding,
  ending: ExchangeEnding,
  status: number,
): void {
  const { services, tracked, sending } = forwarding
  if (tracked !== undefined) services.drain.untrack(tracked)
  if (sending !== undefined) endTurns(sending.turns)
  settle(forwarding, ending, status)
}

/** Enters how it ended. Nobody waits for it: the ledger keeps it in its turn. */
function settle({ request, books }: Forwarding, ending: ExchangeEnding, status: number): void {
  const { record, log } = request
  const { firstByteAt, startedAt, bytes, upstreamRequestId } = record
  const firstByteMs = firstByteAt === undefined ? undefined : Math.round(firstByteAt - startedAt)
  const durationMs = Math.round(performance.now() - startedAt)
  settleBooks(books, { ending, status, firstByteMs, durationMs, bytes, upstreamRequestId }).catch(
    (err: unknown) => log.error({ err, requestId: record.id }, 'not in the ledger'),
  )
}

function flatten(headers: ReturnType<FastifyReply['getHeaders']>): string[] {
  const flat: string[] = []
  for (const name in headers) {
    const value = headers[name]
    if (value !== undefined) flat.push(name, String(value))
  }
  return flat
}
