import { randomUUID } from 'node:crypto'
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http'

/** What the upstream saw of one request; tests read it while and after it runs. */
export interface ReceivedRequest {
  method: string
  /** With the query, as it came. */
  path: string
  rawHeaders: string[]
  headers: IncomingHttpHeaders
  /** At most the first 64 KiB. */
  body: Buffer
  bodyBytes: number
  /** Resolves when the body has come in whole, or will come no more. */
  bodyDone: Promise<void>
  /** Aborted: the connection closed before the answer was complete. */
  outcome: 'open' | 'finished' | 'aborted'
  /** Resolves when the outcome is known. */
  closed: Promise<void>
  /** On the clock of performance.now(). */
  abortedAtMs?: number
}

/** One request and the way to answer it. */
export interface Exchange {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly received: ReceivedRequest
  readonly requestId: string
  readonly startedAtMs: number
  /** Aborts when the answer has ended or the connection has gone, so that no timer outlives it. */
  readonly gone: AbortSignal
  /** The whole request body. */
  readonly body: Promise<Buffer>
  /** Ends the connection with a TCP RST. */
  readonly reset: () => void
}

interface ExchangeDetails {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly reset: () => void
}

const KEPT_BODY_BYTES = 64 * 1024
const MAX_BODY_BYTES = 64 * 1024 * 1024

export class BodyTooLargeError extends Error {
  override readonly name = 'BodyTooLargeError' as const
}

/** Starts to watch a request: its body comes in at once, and its end is noticed however it ends. */
export function createExchange({ request, response, reset }: ExchangeDetails): Exchange {
  const gone = new AbortController()
  const closed = Promise.withResolvers<void>()
  const bodyDone = Promise.withResolvers<void>()
  const received: ReceivedRequest = {
    method: request.method ?? '',
    path: request.url ?? '',
    rawHeaders: request.rawHeaders,
    headers: request.headers,
    body: Buffer.alloc(0),
    bodyBytes: 0,
    bodyDone: bodyDone.promise,
    outcome: 'open',
    closed: closed.promise,
  }
  // A client that goes away is no error here, whichever of the two notices it first.
  request.on('error', () => {})
  response.on('error', () => {})
  request.once('close', bodyDone.resolve)
  response.once('close', () => {
    received.outcome = response.writableFinished ? 'finished' : 'aborted'
    if (received.outcome === 'aborted') received.abortedAtMs = performance.now()
    gone.abort()
    bodyDone.resolve()
    closed.resolve()
  })
  const body = collectBody(request, received)
  body.catch(() => {})
  return {
    request,
    response,
    received,
    requestId: `req_${randomUUID().replaceAll('-', '')}`,
    startedAtMs: performance.now(),
    gone: gone.signal,
    body,
    reset,
  }
}

/** Reads to the end even what is too large: a client that is still sending would not read the answer. */
function collectBody(request: IncomingMessage, received: ReceivedRequest): Promise<Buffer> {
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>()
  const chunks: Buffer[] = []
  request.on('data', (chunk: Buffer) => {
    received.bodyBytes += chunk.length
    const room = KEPT_BODY_BYTES - received.body.length
    if (room > 0) received.body = Buffer.concat([received.body, chunk.subarray(0, room)])
    if (received.bodyBytes <= MAX_BODY_BYTES) chunks.push(chunk)
    else chunks.length = 0
  })
  request.once('end', () => {
    if (received.bodyBytes > MAX_BODY_BYTES) reject(new BodyTooLargeError())
    else resolve(Buffer.concat(chunks))
  })
  // After 'end' this changes nothing.
  request.once('close', () => reject(new Error('the request broke off')))
  return promise
}
