import type { StreamFilter } from '../usage/usage-frame.ts'
import { typeOf } from './answer-tap.ts'
import type { RawHeaders } from './connection-tokens.ts'
import type { ExchangeOptions } from './exchange-options.ts'
import {
  readUpstreamHead,
  redactHead,
  type UpstreamHead,
  withoutHeader,
} from './response-headers.ts'

/** The head of an answer that is passed on, and what becomes of the body behind it. */
export interface AnswerHead extends UpstreamHead {
  readonly encodings: readonly string[]
  /** The answer ends with it, whatever it says of a body. */
  readonly isBodiless: boolean
  /** Takes out what was asked for by Keystow alone. */
  readonly filter: StreamFilter | undefined
}

interface ReceivedHead {
  readonly status: number
  readonly rawHeaders: RawHeaders
}

/** The head as it may pass, or why the answer cannot; the tap learns that it begins. */
export function readAnswerHead(
  options: ExchangeOptions,
  { status, rawHeaders }: ReceivedHead,
): AnswerHead | string {
  const { request, scanner, tap } = options
  const head = readUpstreamHead(status, rawHeaders, request.origin + request.path)
  const isBodiless = request.method === 'HEAD' || status === 204 || status === 304
  const encodings = isBodiless ? [] : head.encodings
  if (encodings === undefined) return 'the answer has a content-encoding that is unknown'
  const safe = redactHead(head, scanner)
  if (safe.leaks > 0) options.onLeak(safe.leaks)
  const { isEventStream } = head
  const filter = tap.begin({ status, isEventStream, contentType: typeOf(safe.headers) })
  const headers =
    filter === undefined ? safe.headers : withoutHeader(safe.headers, 'content-length')
  return { ...safe, headers, encodings, isBodiless, filter }
}
