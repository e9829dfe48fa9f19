import type { IncomingMessage } from 'node:http'

/**
 * Why a message that Node's parser let through must be refused, or undefined. Where two programs may disagree about
 * where a request ends or whom it is for, the second half of one becomes a request of its own.
 */
export function framingProblem(message: IncomingMessage): string | undefined {
  const { headers, rawHeaders, httpVersionMajor, httpVersionMinor } = message
  const encoding = headers['transfer-encoding']
  if (encoding !== undefined) {
    // RFC 9112 section 6.1: an HTTP/1.0 peer may have framed the body without it.
    if (httpVersionMajor === 1 && httpVersionMinor === 0) {
      return 'An HTTP/1.0 request cannot have a Transfer-Encoding. Send a Content-Length.'
    }
    if (encoding.trim().toLowerCase() !== 'chunked') {
      return 'The only Transfer-Encoding that is understood is chunked. Send the body in chunks or with a Content-Length.'
    }
  }
  const hosts = countHeader(rawHeaders, 'host')
  if (hosts > 1) return 'The request names its host more than once. Send one Host header.'
  if (hosts === 0 && httpVersionMinor > 0) return 'The request names no host. Send a Host header.'
  return undefined
}

function countHeader(rawHeaders: readonly string[], name: string): number {
  let count = 0
  for (let i = 0; i < rawHeaders.length; i += 2) {
    if (rawHeaders[i]?.length === name.length && rawHeaders[i]?.toLowerCase() === name) count++
  }
  return count
}
