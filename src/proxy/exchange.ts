import type { ServerResponse } from 'node:http'
import type { Readable } from 'node:stream'

import type { Dispatcher } from 'undici'

import { KeystowError } from '../errors.ts'
import { type Answer, type AnswerClocks, startAnswer } from './answer.ts'
import { type AnswerTap, typeOf } from './answer-tap.ts'
import type { BulkTurns } from './bulk-turns.ts'
import { type RawHeaders, toTexts } from './connection-tokens.ts'
import type { EgressScanner } from './egress-scan.ts'
import { createFlow } from './flow.ts'
import { type RequestClock, startRequestClock } from './request-clock.ts'
import {
  readUpstreamHead,
  redactHead,
  type UpstreamHead,
  withoutHeader,
} from './response-headers.ts'
import type { StreamForm } from './stream-form.ts'
import { toUpstreamError } from './upstream-error.ts'
import type { UpstreamClient } from './upstream-client.ts'
import type { UpstreamPlaces } from './upstream-places.ts'
import { findUpstreamHeadProblem } from './upstream-head-problem.ts'

/** A request as it goes to the upstream. */
export interface OutboundRequest {
  readonly origin: string
  /** Path and query. */
  readonly path: string
  readonly method: string
  /** Name, value, name, value; the credential included. */
  readonly headers: string[]
  readonly body: Buffer | Readable | null
}

/** Milliseconds; none of them is a total. */
export interface ExchangeClocks extends AnswerClocks {
  /** How long the upstream may take to begin its answer. */
  readonly firstByteMs: number
}

/** How an exchange ended: `aborted` is an upstream that broke off, `cancelled` a client that left. */
export type ExchangeEnding = 'completed' | 'aborted' | 'cancelled'

export interface ExchangeOptions {
  readonly dispatcher: UpstreamClient
  readonly places: UpstreamPlaces
  readonly bulk: BulkTurns
  readonly request: OutboundRequest
  readonly response: ServerResponse
  readonly clocks: ExchangeClocks
  readonly scanner: EgressScanner
  readonly tap: AnswerTap
  /** An answer with more headers is refused. */
  readonly headerCountLimit: number
  /** How the path's event streams end, where that is known. */
  readonly streamForm: StreamForm | undefined
  /** The upstream has answered, and nothing has been sent to the client: returns what to send in place, if anything. */
  onAnswer(status: number, rawHeaders: RawHeaders): OutboundRequest | undefined
  /** No answer will come: returns what to send in place, if anything. */
  onUnanswered(error: unknown): OutboundRequest | undefined
  /** The upstream has answered: returns Keystow's own headers for the answer, name, value, name, value. */
  onHead(head: UpstreamHead): readonly string[]
  /** The upstream answered with this many of its credentials, in the head or the body; none of them passed. */
  onLeak(count: number): void
  /** The upstream's first byte of body, or its end when there is none. */
  onFirstByte(): void
  /** No answer came; nothing has been sent to the client. Not called for a client that left. */
  onRefused(error: KeystowError): void
  /** The answer is over; `bytes` of body came from the upstream. Called once, after `onHead`, or for a client that left. */
  onEnded(ending: ExchangeEnding, bytes: number, error?: KeystowError): void
}

/** An exchange that runs. */
export interface Exchange {
  /** Ends it as if the upstream had failed with this error. */
  readonly end: (error: KeystowError) => void
  /** What `mayGoOn` held back may pass. */
  readonly resume: () => void
}

const CLIENT_LEFT = new Error('the client left')
const SENT_AGAIN = new Error('the request was sent again')

/**
 * Sends one request upstream and its answer to the client: every chunk in the turn in which it came, no
 * further than the client reads, and not a moment longer than the client stays.
 */
export function startExchange(options: ExchangeOptions): Exchange {
  const { request, response } = options
  let controller: Dispatcher.DispatchController | undefined
  let answer: Answer | undefined
  let clock: RequestClock | undefined
  let isHeadSent = false
  let isOver = false
  let bytes = 0
  /** The attempt that counts: nothing of an earlier one reaches the client. */
  let attempt = 0
  let leavePlace = (): void => {}
  const flow = createFlow(options.bulk, () => (isOver ? undefined : controller))

  function finish(): boolean {
    if (isOver) return false
    isOver = true
    leavePlace()
    clock?.stop()
    answer?.stop()
    response.off('close', onClientClose)
    response.off('drain', onDrain)
    if (answer !== undefined && answer.leaks() > 0) options.onLeak(answer.leaks())
    return true
  }

  function onClientClose(): void {
    if (!finish()) return
    controller?.abort(CLIENT_LEFT)
    options.onEnded('cancelled', bytes)
  }

  const onDrain = (): void => answer?.drained()

  function fail(error: KeystowError): void {
    if (!finish()) return
    controller?.abort(error)
    if (answer === undefined || !isHeadSent) return options.onRefused(error)
    options.onEnded('aborted', bytes, error)
    answer.fail(error)
  }

  function complete(error: KeystowError | undefined): void {
    if (!finish()) return
    if (bytes === 0) options.onFirstByte()
    options.onEnded(error === undefined ? 'completed' : 'aborted', bytes, error)
  }

  function begin(status: number, rawHeaders: RawHeaders): void {
    const problem = findUpstreamHeadProblem(status, rawHeaders, options.headerCountLimit)
    if (problem !== undefined) {
      return fail(new KeystowError('upstreamUnavailable', { cause: new Error(problem) }))
    }
    const next = options.onAnswer(status, rawHeaders)
    if (next !== undefined) return sendAgain(next)
    const head = readUpstreamHead(status, rawHeaders, request.origin + request.path)
    const isBodiless = request.method === 'HEAD' || status === 204 || status === 304
    const encodings = isBodiless ? [] : head.encodings
    if (encodings === undefined) {
      const cause = new Error('the answer has a content-encoding that is unknown')
      return fail(new KeystowError('upstreamUnavailable', { cause }))
    }
    const safe = redactHead(head, options.scanner)
    if (safe.leaks > 0) options.onLeak(safe.leaks)
    const { isEventStream } = head
    const filter = options.tap.begin({ status, isEventStream, contentType: typeOf(safe.headers) })
    const headers =
      filter === undefined ? safe.headers : withoutHeader(safe.headers, 'content-length')
    answer = startAnswer({
      response,
      encodings,
      isEventStream,
      isBodiless,
      isFixedLength: headers.includes('content-length'),
      streamForm: status === 200 ? options.streamForm : undefined,
      scanner: options.scanner,
      tap: (bytes) => options.tap.write(bytes),
      filter,
      mayGoOn: isEventStream ? options.tap.mayGoOn : undefined,
      clocks: options.clocks,
      onStart() {
        isHeadSent = true
        response.writeHead(status, [...headers, ...options.onHead(safe)])
        // Behind this read of the socket: a body that came with the head goes out in one write with it.
        queueMicrotask(() => isOver || bytes > 0 || response.flushHeaders())
      },
      onReady: flow.ready,
      onEnd: complete,
      onBroken: fail,
    })
  }

  function send(outbound: OutboundRequest): void {
    const own = ++attempt
    const isStale = (): boolean => isOver || own !== attempt
    clock = startRequestClock({
      ...options.clocks,
      body: outbound.body,
      onTimeout: () => fail(new KeystowError('upstreamTimeout')),
    })
    const leave = options.places.take(outbound.origin, () => dispatch(outbound, isStale))
    if (isStale()) leave()
    else leavePlace = leave
  }

  function dispatch(outbound: OutboundRequest, isStale: () => boolean): void {
    options.dispatcher.dispatch(outbound, {
      onRequestStart(started) {
        // It waited for a connection while its client left.
        if (isStale()) return started.abort(CLIENT_LEFT)
        controller = started
        clock?.started()
        options.tap.sent()
      },
      onResponseStart({ rawHeaders }, status) {
        // 102 and 103 announce an answer; they are not one.
        if (isStale() || status < 200) return
        clock?.stop()
        begin(status, toTexts(rawHeaders))
      },
      onResponseData(_, chunk) {
        if (isStale() || answer === undefined) return
        if (bytes === 0) options.onFirstByte()
        bytes += chunk.length
        flow.pass(chunk.length, answer.write(chunk))
      },
      onResponseEnd() {
        if (!isStale()) answer?.end()
      },
      onResponseError(_, error) {
        if (isStale()) return
        const next = answer === undefined ? options.onUnanswered(error) : undefined
        if (next === undefined) fail(toUpstreamError(error))
        else sendAgain(next)
      },
    })
  }

  function sendAgain(next: OutboundRequest): void {
    const refused = controller
    controller = undefined
    clock?.stop()
    attempt++
    leavePlace()
    // Its connection goes with it: reading the rest of an answer that nobody wants could take for ever.
    refused?.abort(SENT_AGAIN)
    send(next)
  }

  const running: Exchange = { end: fail, resume: () => isOver || answer?.resume() }
  // It left while it was found out what it may do, and its close event has passed.
  if (response.destroyed) {
    queueMicrotask(onClientClose)
    return running
  }
  response.once('close', onClientClose)
  response.on('drain', onDrain)
  send(request)
  return running
}
