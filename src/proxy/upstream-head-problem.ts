import { CHUNKED, type RawHeaders } from './connection-tokens.ts'

const MAX_STATUS = 599

/**
 * Why an upstream's answer cannot be passed on, or undefined. Of a coding other than chunked the parser undoes
 * nothing: what passed would be bytes that the egress scan cannot read.
 */
export function findUpstreamHeadProblem(
  status: number,
  rawHeaders: RawHeaders,
  headerCountLimit: number,
): string | undefined {
  if (status > MAX_STATUS) return `the status ${status} is none`
  if (rawHeaders.length / 2 > headerCountLimit) {
    return `the answer has ${rawHeaders.length / 2} headers, more than UPSTREAM_HEADER_COUNT_LIMIT`
  }
  let encodings = 0
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = (rawHeaders[i] ?? '').toLowerCase()
    // Not every program that reads a longer one counts to the same.
    if (name === 'content-length' && !Number.isSafeInteger(Number(rawHeaders[i + 1] ?? ''))) {
      return 'the answer has a length that cannot be counted'
    }
    if (name !== 'transfer-encoding') continue
    encodings++
    if (encodings > 1 || !CHUNKED.test(rawHeaders[i + 1] ?? '')) {
      return 'the answer has a transfer-encoding other than chunked'
    }
  }
  return undefined
}
