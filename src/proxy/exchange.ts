import type { Dispatcher } from 'undici'

import { KeystowError } from '../errors.ts'
import {
  type AnswerListener,
  endAnswer,
  noteDrain,
  resumeAnswer,
  startAnswer,
  stopAnswer,
  writeAnswer,
} from './answer.ts'
import { readAnswerHead } from './answer-head.ts'
import { type RawHeaders, toTexts } from './connection-tokens.ts'
import type { ExchangeEnd, ExchangeOptions, OutboundRequest } from './exchange-options.ts'
import { type Exchange, isStale, leavePlace, stopClock } from './exchange-state.ts'
import { flattenHead } from './flatten-head.ts'
import { createFlow, makeReady, passOn } from './flow.ts'
import { noteStart, startRequestClock } from './request-clock.ts'
import { toUpstreamError } from './upstream-error.ts'
import { findUpstreamHeadProblem } from './upstream-head-problem.ts'

const CLIENT_LEFT = new Error('the client left')
const SENT_AGAIN = new Error('the request was sent again')

/**
 * Sends one request upstream and its answer to the client: every chunk in the turn in which it came, no
 * further than the client reads, and not a moment longer than the client stays.
 */
export function startExchange<Owner>(
  options: ExchangeOptions<Owner>,
  outbound: OutboundRequest,
): Exchange<Owner> {
  const { response } = options
  const exchange: Exchange<Owner> = {
    options,
    flow: createFlow(options.bulk),
    head: undefined,
    answer: undefined,
    controller: undefined,
    clock: undefined,
    place: undefined,
    attempt: 0,
    bytes: 0,
    isOver: false,
    onClientClose: () => leave(exchange),
    onDrain: () => exchange.answer && noteDrain(exchange.answer),
  }
  // It left while it was found out what it may do, and its close event has passed.
  if (response.destroyed) queueMicrotask(exchange.onClientClose)
  else {
    response.on('close', exchange.onClientClose)
    response.on('drain', exchange.onDrain)
    send(exchange, outbound)
  }
  return exchange
}

/** Ends it as if the upstream had failed with this error. */
export function endExchange<Owner>(exchange: Exchange<Owner>, error: KeystowError): void {
  if (!finish(exchange)) return
  const { options, controller, head, answer, bytes } = exchange
  controller?.abort(error)
  const isHeadSent = answer !== undefined && head === undefined
  if (!isHeadSent) return options.listener.onRefused(options.owner, error)
  options.listener.onEnded(options.owner, { ending: 'aborted', bytes, error })
  answer.writer.fail(error)
}

/** What `mayGoOn` held back may pass. */
export function resumeExchange<Owner>({ isOver, answer }: Exchange<Owner>): void {
  if (!isOver && answer !== undefined) resumeAnswer(answer)
}

function leave<Owner>(exchange: Exchange<Owner>): void {
  if (!finish(exchange)) return
  const { options, controller, bytes } = exchange
  controller?.abort(CLIENT_LEFT)
  options.listener.onEnded(options.owner, { ending: 'cancelled', bytes })
}

function complete<Owner>(exchange: Exchange<Owner>, error: KeystowError | undefined): void {
  if (!finish(exchange)) return
  const { options, bytes } = exchange
  if (bytes === 0) options.listener.onFirstByte(options.owner)
  const end: ExchangeEnd =
    error === undefined ? { ending: 'completed', bytes } : { ending: 'aborted', bytes, error }
  options.listener.onEnded(options.owner, end)
}

function finish<Owner>(exchange: Exchange<Owner>): boolean {
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
  const leaks = answer.scan.hits
  if (leaks > 0) options.listener.onLeak(options.owner, leaks)
  return true
}

function send<Owner>(exchange: Exchange<Owner>, outbound: OutboundRequest): void {
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

function dispatch<Owner>(
  exchange: Exchange<Owner>,
  outbound: OutboundRequest,
  attempt: number,
): void {
  const handler: Attempt<Owner> = { exchange, attempt, ...ATTEMPT }
  exchange.options.dispatcher.dispatch(outbound, handler)
}

/** undici's handler of one attempt. Its functions are the same for all. */
interface Attempt<Owner> extends Dispatcher.DispatchHandler {
  readonly exchange: Exchange<Owner>
  readonly attempt: number
}

const ATTEMPT = {
  onRequestStart(this: Attempt<unknown>, controller: Dispatcher.DispatchController): void {
    const { exchange, attempt } = this
    // It waited for a connection while its client left.
    if (isStale(exchange, attempt)) return controller.abort(CLIENT_LEFT)
    exchange.controller = exchange.flow.source = controller
    if (exchange.clock !== undefined) noteStart(exchange.clock)
    exchange.options.listener.onSent(exchange.options.owner)
  },
  onResponseStart(
    this: Attempt<unknown>,
    controller: Dispatcher.DispatchController,
    status: number,
  ): void {
    const { exchange, attempt } = this
    // 102 and 103 announce an answer; they are not one.
    if (isStale(exchange, attempt) || status < 200) return
    stopClock(exchange)
    const rawHeaders = toTexts(controller.rawHeaders)
    // They are views of all that was read with them, which would stay as long as the answer takes.
    controller.rawHeaders = null
    begin(exchange, status, rawHeaders)
  },
  onResponseData(this: Attempt<unknown>, _: Dispatcher.DispatchController, chunk: Buffer): void {
    const { exchange, attempt } = this
    const { options, flow, answer } = exchange
    if (isStale(exchange, attempt) || answer === undefined) return
    if (exchange.bytes === 0) options.listener.onFirstByte(options.owner)
    exchange.bytes += chunk.length
    passOn(flow, chunk.length, writeAnswer(answer, chunk))
  },
  onResponseEnd(this: Attempt<unknown>): void {
    const { exchange, attempt } = this
    if (!isStale(exchange, attempt) && exchange.answer !== undefined) endAnswer(exchange.answer)
  },
  onResponseError(this: Attempt<unknown>, _: Dispatcher.DispatchController, error: Error): void {
    const { exchange, attempt } = this
    const { options, answer } = exchange
    if (isStale(exchange, attempt)) return
    const next =
      answer === undefined ? options.listener.onUnanswered(options.owner, error) : undefined
    if (next === undefined) endExchange(exchange, toUpstreamError(error))
    else sendAgain(exchange, next)
  },
}

function sendAgain<Owner>(exchange: Exchange<Owner>, next: OutboundRequest): void {
  const refused = exchange.controller
  exchange.controller = exchange.flow.source = undefined
  stopClock(exchange)
  exchange.attempt++
  leavePlace(exchange)
  // Its connection goes with it: reading the rest of an answer that nobody wants could take for ever.
  refused?.abort(SENT_AGAIN)
  send(exchange, next)
}

function begin<Owner>(exchange: Exchange<Owner>, status: number, rawHeaders: RawHeaders): void {
  const { options } = exchange
  const problem = findUpstreamHeadProblem(status, rawHeaders, options.headerCountLimit)
  if (problem !== undefined) return refuse(exchange, problem)
  const next = options.listener.onAnswer(options.owner, status, rawHeaders)
  if (next !== undefined) return sendAgain(exchange, next)
  const head = readAnswerHead(options, { status, rawHeaders })
  if (typeof head === 'string') return refuse(exchange, head)
  const { headers, encodings, isEventStream, isBodiless, filter } = head
  exchange.head = head
  exchange.answer = startAnswer<Exchange<Owner>>({
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
    mayGoOn: isEventStream ? options.mayGoOn : undefined,
    clocks: options.clocks,
  })
}

const refuse = <Owner>(exchange: Exchange<Owner>, problem: string): void =>
  endExchange(exchange, new KeystowError('upstreamUnavailable', { cause: new Error(problem) }))

const ANSWER: AnswerListener<Exchange<unknown>> = {
  onStart: sendHead,
  onBytes: ({ options }, bytes) => options.listener.onBytes(options.owner, bytes),
  onReady: ({ flow }) => makeReady(flow),
  onEnd: complete,
  onBroken: endExchange,
}

function sendHead<Owner>(exchange: Exchange<Owner>): void {
  const { options, head } = exchange
  if (head === undefined) return
  const { response } = options
  exchange.head = undefined
  response.writeHead(head.status, [
    ...head.headers,
    ...options.listener.onHead(options.owner, head),
  ])
  flattenHead(response)
  // Behind this read of the socket: a body that came with the head goes out in one write with it.
  queueMicrotask(() => exchange.isOver || exchange.bytes > 0 || response.flushHeaders())
}
