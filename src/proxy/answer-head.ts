import type { FrameFilter } from '../usage/usage-frame.ts'
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
  readonly filter: FrameFilter | undefined
}

interface ReceivedHead {
  readonly status: number
  readonly rawHeaders: RawHeaders
}

/** The head as it may pass, or why the answer cannot. */
export function readAnswerHead<Owner>(
  options: ExchangeOptions<Owner>,
  { status, rawHeaders }: ReceivedHead,
): AnswerHead | string {
  const { asked, scanner, owner, listener } = options
  const head = readUpstreamHead(status, rawHeaders, asked.origin + asked.path)
  const isBodiless = asked.method === 'HEAD' || status === 204 || status === 304
  const encodings = isBodiless ? [] : head.encodings
  if (encodings === undefined) return 'the answer has a content-encoding that is unknown'
  const safe = redactHead(head, scanner)
  if (safe.leaks > 0) listener.onLeak(owner, safe.leaks)
  const { isEventStream } = head
  const contentType = typeOf(safe.headers)
  const filter = listener.onBegin(owner, { status, isEventStream, contentType })
  const headers =
    filter === undefined ? safe.headers : withoutHeader(safe.headers, 'content-length')
  return { ...safe, headers, encodings, isBodiless, filter }
}

/** The content type of an answer, from name, value, name, value. */
function typeOf(headers: readonly string[]): string | undefined {
  const at = headers.findIndex((name, index) => index % 2 === 0 && name === 'content-type')
  return at === -1 ? undefined : headers[at + 1]
}
