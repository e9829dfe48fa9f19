import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Drain } from '../drain.ts'
import type { Metrics } from '../metrics.ts'
import type { AnswerTap } from '../proxy/answer-tap.ts'
import type { CredentialTurns } from '../proxy/credential-turns.ts'
import type { EgressScanner } from '../proxy/egress-scan.ts'
import { endExchange, type Exchange, startExchange } from '../proxy/exchange.ts'
import type { ExchangeEnding, ExchangeOptions, OutboundRequest } from '../proxy/exchange-options.ts'
import { hasBody } from '../proxy/request-body.ts'
import { findStreamForm } from '../proxy/stream-form.ts'
import type { BulkTurns } from '../proxy/bulk-turns.ts'
import type { UpstreamClient } from '../proxy/upstream-client.ts'
import type { UpstreamPlaces } from '../proxy/upstream-places.ts'
import { CLIENT_LEFT_STATUS } from '../request-record.ts'
import type { Bookkeeping } from '../usage/bookkeeping.ts'
import type { Meter } from '../usage/meter.ts'
import { createUsageFrameFilter } from '../usage/usage-frame.ts'
import { tokenRedactorOf } from './request-log.ts'
import type { Settle } from './settling.ts'

export interface ExchangeParts {
  readonly dispatcher: UpstreamClient
  readonly places: UpstreamPlaces
  readonly bulk: BulkTurns
  readonly drain: Drain
  readonly scanner: EgressScanner
  readonly metrics: Metrics
  readonly turns: CredentialTurns
  /** The request as it goes out with the current credential. */
  readonly buildOutbound: () => OutboundRequest
  readonly meter: Meter
  readonly books: Bookkeeping
  readonly settle: Settle
  /** The usage of a stream was asked for by Keystow alone. */
  readonly isUsageAdded: boolean
  /** Is told of the exchange once it runs. */
  readonly link: { running?: Exchange }
}

/** Resolves once the answer is in the exchange's hands, and rejects with what Fastify is to answer instead. */
export function runExchange(
  request: FastifyRequest,
  reply: FastifyReply,
  parts: ExchangeParts,
): Promise<void> {
  const { dispatcher, places, bulk, drain, scanner, turns, buildOutbound, settle, link } = parts
  const { record } = request
  return new Promise((resolve, reject) => {
    let untrack = (): void => {}
    function takeOver(): void {
      reply.hijack()
      resolve()
    }
    function end(ending: ExchangeEnding, status: number): void {
      untrack()
      turns.end()
      settle(ending, status)
    }
    const running = startExchange({
      ...createObservers(request, parts),
      dispatcher,
      places,
      bulk,
      scanner,
      clocks: record.policy.clocks,
      tap: createTap(parts),
      headerCountLimit: record.policy.config.upstreamHeaderCountLimit,
      request: buildOutbound(),
      response: reply.raw,
      streamForm: findStreamForm(record.target?.path ?? ''),
      onHead(head) {
        if (head.requestId !== undefined) record.upstreamRequestId = head.requestId
        if (head.isEventStream) record.isStream = true
        // A connection cannot be used again while the client still sends a body that nobody reads.
        if (!request.raw.complete && hasBody(request.raw)) reply.header('connection', 'close')
        takeOver()
        return flatten(reply.getHeaders())
      },
      onRefused(error) {
        end('aborted', error.status)
        reject(error)
      },
      onEnded(ending, bytes, error) {
        record.ending = ending
        record.bytes = bytes
        if (error !== undefined) record.error = error
        end(ending, ending === 'cancelled' ? CLIENT_LEFT_STATUS : reply.raw.statusCode)
        // Before the client has the end, so that its next request finds the place free.
        record.slot?.release()
        if (!reply.sent) takeOver()
      },
    })
    link.running = running
    untrack = drain.track((error) => endExchange(running, error))
  })
}

function createTap({ books, meter, isUsageAdded }: ExchangeParts): AnswerTap {
  return {
    mayGoOn: books.mayGoOn,
    sent: () => books.sent(),
    begin(head) {
      meter.begin(head)
      const isHidden = isUsageAdded && head.isEventStream && head.status === 200
      return isHidden ? createUsageFrameFilter() : undefined
    },
    write: (bytes) => meter.write(bytes),
  }
}

/** The client reads it as if its own token were meant: unknown, and (a reseller's) out of points. */
const KEY_REFUSALS: ReadonlySet<number> = new Set([401, 428])

type Observers = Pick<ExchangeOptions, 'onAnswer' | 'onUnanswered' | 'onLeak' | 'onFirstByte'>

function createObservers(request: FastifyRequest, parts: ExchangeParts): Observers {
  const { record, log } = request
  const { turns, buildOutbound, books, metrics } = parts
  /** The request's own line names only the credential that was used last. */
  const sendAgain = (status?: number): OutboundRequest => {
    const { id: requestId, credential } = record
    books.refused()
    log.warn({ requestId, credential, status }, 'refused: sent again with another key')
    return buildOutbound()
  }
  return {
    onAnswer(status, rawHeaders) {
      if (turns.answered(status, rawHeaders)) return sendAgain(status)
      if (KEY_REFUSALS.has(status)) {
        const { fingerprint: credential } = turns.current().credential
        log.warn({ requestId: record.id, credential, status }, 'the upstream refused the key')
      }
      return undefined
    },
    onUnanswered: (error) => (turns.failed(error) ? sendAgain() : undefined),
    onLeak(count) {
      metrics.redactions.inc(count)
      const path = tokenRedactorOf(request).path(record.target?.path ?? '')
      log.error({ alarm: 'credential_in_answer', requestId: record.id, path, count })
    },
    onFirstByte() {
      record.firstByteAt = performance.now()
    },
  }
}

function flatten(headers: ReturnType<FastifyReply['getHeaders']>): string[] {
  const flat: string[] = []
  for (const name in headers) {
    const value = headers[name]
    if (value !== undefined) flat.push(name, String(value))
  }
  return flat
}
