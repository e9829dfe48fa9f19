import type { Dispatcher } from 'undici'

import { KeystowError } from '../errors.ts'
import {
  type Answer,
  type AnswerListener,
  endAnswer,
  noteDrain,
  resumeAnswer,
  startAnswer,
  stopAnswer,
  writeAnswer,
} from './answer.ts'
import { type AnswerHead, readAnswerHead } from './answer-head.ts'
import { type RawHeaders, toTexts } from './connection-tokens.ts'
import type { ExchangeOptions, OutboundRequest } from './exchange-options.ts'
import { flattenHead } from './flatten-head.ts'
import { createFlow, type Flow, makeReady, passOn } from './flow.ts'
import {
  noteStart,
  type RequestClock,
  startRequestClock,
  stopRequestClock,
} from './request-clock.ts'
import { toUpstreamError } from './upstream-error.ts'
import type { UpstreamPlace } from './upstream-places.ts'
import { findUpstreamHeadProblem } from './upstream-head-problem.ts'

/** An exchange that runs, or has run. */
export interface Exchange {
  readonly options: ExchangeOptions
  readonly flow: Flow
  /** What passes of the answer's head. */
  head: AnswerHead | undefined
  answer: Answer<Exchange> | undefined
  controller: Dispatcher.DispatchController | undefined
  clock: RequestClock | undefined
  place: UpstreamPlace | undefined
  /** The attempt that counts: nothing of an earlier one reaches the client. */
  attempt: number
  /** Of body that came from the upstream. */
  bytes: number
  isHeadSent: boolean
  isOver: boolean
  readonly onClientClose: () => void
  readonly onDrain: () => void
}

const CLIENT_LEFT = new Error('the client left')
const SENT_AGAIN = new Error('the request was sent again')

/**
 * Sends one request upstream and its answer to the client: every chunk in the turn in which it came, no
 * further than the client reads, and not a moment longer than the client stays.
 */
export function startExchange(options: ExchangeOptions): Exchange {
  const { request, response } = options
  const exchange: Exchange = {
    options,
    flow: createFlow(options.bulk),
    head: undefined,
    answer: undefined,
    controller: undefined,
    clock: undefined,
    place: undefined,
    attempt: 0,
    bytes: 0,
    isHeadSent: false,
    isOver: false,
    onClientClose: () => leave(exchange),
    onDrain: () => exchange.answer && noteDrain(exchange.answer),
  }
  // It left while it was found out what it may do, and its close event has passed.
  if (response.destroyed) queueMicrotask(exchange.onClientClose)
  else {
    response.on('close', exchange.onClientClose)
    response.on('drain', exchange.onDrain)
    send(exchange, request)
  }
  return exchange
}

/** Ends it as if the upstream had failed with this error. */
export function endExchange(exchange: Exchange, error: KeystowError): void {
  if (!finish(exchange)) return
  const { options, controller, answer, bytes } = exchange
  controller?.abort(error)
  if (answer === undefined || !exchange.isHeadSent) return options.onRefused(error)
  options.onEnded('aborted', bytes, error)
  answer.writer.fail(error)
}

/** What `mayGoOn` held back may pass. */
export function resumeExchange({ isOver, answer }: Exchange): void {
  if (!isOver && answer !== undefined) resumeAnswer(answer)
}

function leave(exchange: Exchange): void {
  if (!finish(exchange)) return
  exchange.controller?.abort(CLIENT_LEFT)
  exchange.options.onEnded('cancelled', exchange.bytes)
}

function complete(exchange: Exchange, error: KeystowError | undefined): void {
  if (!finish(exchange)) return
  const { options, bytes } = exchange
  if (bytes === 0) options.onFirstByte()
  options.onEnded(error === undefined ? 'completed' : 'aborted', bytes, error)
}

function finish(exchange: Exchange): boolean {
  if (exchange.isOver) return false
  const { options, flow, answer } = exchange
  exchange.isOver = true
  flow.source = undefined
  leavePlace(exchange)
  stopClock(exchange)
  options.response.off('close', exchange.onClientClose)
  options.response.off('drain', exchange.onDrain)
  if (answer === undefined) return true
  stopAnswer(answer)
  const leaks = answer.scan.hits()
  if (leaks > 0) options.onLeak(leaks)
  return true
}

function leavePlace(exchange: Exchange): void {
  if (exchange.place !== undefined) exchange.options.places.leave(exchange.place)
}

/** A clock that has stopped is not kept for as long as the answer takes. */
function stopClock(exchange: Exchange): void {
  if (exchange.clock !== undefined) stopRequestClock(exchange.clock)
  exchange.clock = undefined
}

function send(exchange: Exchange, outbound: OutboundRequest): void {
  const { clocks, places } = exchange.options
  const attempt = ++exchange.attempt
  exchange.clock = startRequestClock({
    firstByteMs: clocks.firstByteMs,
    idleMs: clocks.idleMs,
    body: outbound.body,
    onTimeout: () => endExchange(exchange, new KeystowError('upstreamTimeout')),
  })
  const place = places.take(outbound.origin, () => dispatch(exchange, outbound, attempt))
  if (isStale(exchange, attempt)) places.leave(place)
  else exchange.place = place
}

const isStale = (exchange: Exchange, attempt: number): boolean =>
  exchange.isOver || attempt !== exchange.attempt

function dispatch(exchange: Exchange, outbound: OutboundRequest, attempt: number): void {
  const { options, flow } = exchange
  options.dispatcher.dispatch(outbound, {
    onRequestStart(controller) {
      // It waited for a connection while its client left.
      if (isStale(exchange, attempt)) return controller.abort(CLIENT_LEFT)
      exchange.controller = flow.source = controller
      if (exchange.clock !== undefined) noteStart(exchange.clock)
      options.tap.sent()
    },
    onResponseStart(controller, status) {
      // 102 and 103 announce an answer; they are not one.
      if (isStale(exchange, attempt) || status < 200) return
      stopClock(exchange)
      const rawHeaders = toTexts(controller.rawHeaders)
      // They are views of all that was read with them, which would stay as long as the answer takes.
      controller.rawHeaders = null
      begin(exchange, status, rawHeaders)
    },
    onResponseData(_, chunk) {
      const { answer } = exchange
      if (isStale(exchange, attempt) || answer === undefined) return
      if (exchange.bytes === 0) options.onFirstByte()
      exchange.bytes += chunk.length
      passOn(flow, chunk.length, writeAnswer(answer, chunk))
    },
    onResponseEnd() {
      if (!isStale(exchange, attempt) && exchange.answer !== undefined) endAnswer(exchange.answer)
    },
    onResponseError(_, error) {
      if (isStale(exchange, attempt)) return
      const next = exchange.answer === undefined ? options.onUnanswered(error) : undefined
      if (next === undefined) endExchange(exchange, toUpstreamError(error))
      else sendAgain(exchange, next)
    },
  })
}

function sendAgain(exchange: Exchange, next: OutboundRequest): void {
  const refused = exchange.controller
  exchange.controller = exchange.flow.source = undefined
  stopClock(exchange)
  exchange.attempt++
  leavePlace(exchange)
  // Its connection goes with it: reading the rest of an answer that nobody wants could take for ever.
  refused?.abort(SENT_AGAIN)
  send(exchange, next)
}

function begin(exchange: Exchange, status: number, rawHeaders: RawHeaders): void {
  const { options } = exchange
  const problem = findUpstreamHeadProblem(status, rawHeaders, options.headerCountLimit)
  if (problem !== undefined) return refuse(exchange, problem)
  const next = options.onAnswer(status, rawHeaders)
  if (next !== undefined) return sendAgain(exchange, next)
  const head = readAnswerHead(options, { status, rawHeaders })
  if (typeof head === 'string') return refuse(exchange, head)
  const { headers, encodings, isEventStream, isBodiless, filter } = head
  exchange.head = head
  exchange.answer = startAnswer<Exchange>({
    owner: exchange,
    listener: ANSWER,
    response: options.response,
    encodings,
    isEventStream,
    isBodiless,
    isFixedLength: headers.includes('content-length'),
    streamForm: status === 200 ? options.streamForm : undefined,
    scanner: options.scanner,
    filter,
    mayGoOn: isEventStream ? options.tap.mayGoOn : undefined,
    clocks: options.clocks,
  })
}

const refuse = (exchange: Exchange, problem: string): void =>
  endExchange(exchange, new KeystowError('upstreamUnavailable', { cause: new Error(problem) }))

const ANSWER: AnswerListener<Exchange> = {
  onStart: sendHead,
  onBytes: ({ options }, bytes) => options.tap.write(bytes),
  onReady: ({ flow }) => makeReady(flow),
  onEnd: complete,
  onBroken: endExchange,
}

function sendHead(exchange: Exchange): void {
  const { options, head } = exchange
  if (head === undefined) return
  const { response } = options
  exchange.isHeadSent = true
  exchange.head = undefined
  response.writeHead(head.status, [...head.headers, ...options.onHead(head)])
  flattenHead(response)
  // Behind this read of the socket: a body that came with the head goes out in one write with it.
  queueMicrotask(() => exchange.isOver || exchange.bytes > 0 || response.flushHeaders())
}
