import type { ServerResponse } from 'node:http'
import type { Readable } from 'node:stream'

import type { Dispatcher } from 'undici'

import { KeystowError } from '../errors.ts'
import { type AnswerWriter, createOpaqueWriter } from './answer-writer.ts'
import type { RawHeaders } from './connection-tokens.ts'
import { createEventStreamWriter } from './event-stream-writer.ts'
import { readUpstreamHead, redactHeaders, type UpstreamHead } from './response-headers.ts'
import type { BodyScan, EgressScanner } from './egress-scan.ts'
import { type SilenceClock, startSilenceClock } from './silence-clock.ts'
import type { StreamForm } from './stream-form.ts'
import { toUpstreamError } from './upstream-error.ts'

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
export interface ExchangeClocks {
  readonly firstByteMs: number
  readonly idleMs: number
  readonly heartbeatMs: number
}

/** How an exchange ended: `aborted` is an upstream that broke off, `cancelled` a client that left. */
export type ExchangeEnding = 'completed' | 'aborted' | 'cancelled'

interface ExchangeOptions {
  readonly dispatcher: Dispatcher
  readonly request: OutboundRequest
  readonly response: ServerResponse
  readonly clocks: ExchangeClocks
  readonly scanner: EgressScanner
  /** How the path's event streams end, where that is known. */
  readonly streamForm: StreamForm | undefined
  /** The upstream has answered: returns Keystow's own headers for the answer, name, value, name, value. */
  onHead(status: number, head: UpstreamHead): readonly string[]
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
}

const CLIENT_LEFT = new Error('the client left')

/**
 * Sends one request upstream and its answer to the client: every chunk in the turn in which it came, no
 * further than the client reads, and not a moment longer than the client stays.
 */
export function startExchange(options: ExchangeOptions): Exchange {
  const { dispatcher, request, response, clocks, streamForm } = options
  let controller: Dispatcher.DispatchController | undefined
  let writer: AnswerWriter | undefined
  let silence: SilenceClock | undefined
  let scan: BodyScan | undefined
  let firstByteTimer: NodeJS.Timeout | undefined
  let isOver = false
  let bytes = 0

  function finish(): boolean {
    if (isOver) return false
    isOver = true
    clearTimeout(firstByteTimer)
    silence?.stop()
    response.off('close', onClientClose)
    response.off('drain', onDrain)
    reportLeaks(scan?.hits() ?? 0)
    return true
  }

  function reportLeaks(count: number): void {
    if (count > 0) options.onLeak(count)
  }

  function onClientClose(): void {
    if (!finish()) return
    controller?.abort(CLIENT_LEFT)
    options.onEnded('cancelled', bytes)
  }

  function onDrain(): void {
    silence?.touch()
    controller?.resume()
  }

  function fail(error: KeystowError): void {
    if (!finish()) return
    controller?.abort(error)
    if (writer === undefined) return options.onRefused(error)
    options.onEnded('aborted', bytes, error)
    writer.fail(error)
  }

  const startFirstByteClock = (): void => {
    firstByteTimer = setTimeout(() => fail(new KeystowError('upstreamTimeout')), clocks.firstByteMs)
  }

  response.once('close', onClientClose)
  response.on('drain', onDrain)
  // A slow upload is the client's time: the upstream's begins when it has everything.
  if (request.body === null || Buffer.isBuffer(request.body)) startFirstByteClock()
  else request.body.once('end', () => isOver || startFirstByteClock())

  dispatcher.dispatch(
    { ...request, method: request.method },
    {
      onRequestStart(started) {
        controller = started
        // It waited for a connection while its client left.
        if (isOver) started.abort(CLIENT_LEFT)
      },
      onResponseStart({ rawHeaders }, status) {
        // 102 and 103 announce an answer; they are not one.
        if (isOver || status < 200) return
        clearTimeout(firstByteTimer)
        const head = readUpstreamHead(toRawHeaders(rawHeaders), request.origin)
        const headers = redactHeaders(head.headers, options.scanner)
        if (headers !== head.headers) reportLeaks(1)
        scan = options.scanner.startBody({ isFixedLength: headers.includes('content-length') })
        const isReadable = head.contentEncoding === '' || head.contentEncoding === 'identity'
        writer =
          head.isEventStream && isReadable
            ? createEventStreamWriter(response, status === 200 ? streamForm : undefined)
            : createOpaqueWriter(response)
        response.writeHead(status, [...headers, ...options.onHead(status, head)])
        // Behind this read of the socket: a body that came with the head goes out in one write with it.
        queueMicrotask(() => isOver || bytes > 0 || response.flushHeaders())
        silence = startSilenceClock({
          beatMs: head.isEventStream ? clocks.heartbeatMs : 0,
          idleMs: clocks.idleMs,
          isPaused: () => response.writableNeedDrain,
          onBeat: () => writer?.beat(),
          onIdle: () => fail(new KeystowError('upstreamTimeout')),
        })
      },
      onResponseData(current, chunk) {
        if (isOver || writer === undefined) return
        if (bytes === 0) options.onFirstByte()
        bytes += chunk.length
        silence?.touch()
        const passing = scan === undefined ? chunk : scan.write(chunk)
        if (passing.length > 0 && !writer.write(passing)) current.pause()
      },
      onResponseEnd() {
        if (!finish() || writer === undefined) return
        if (bytes === 0) options.onFirstByte()
        const held = scan?.end()
        if (held !== undefined && held.length > 0) writer.write(held)
        options.onEnded(writer.end() ? 'completed' : 'aborted', bytes)
      },
      onResponseError(_, error) {
        fail(toUpstreamError(error))
      },
    },
  )
  return { end: fail }
}

/** undici's type also knows other dispatchers' headers; an Agent's are a flat list of buffers. */
const toRawHeaders = (raw: Dispatcher.DispatchController['rawHeaders']): RawHeaders =>
  Array.isArray(raw) ? raw : []
