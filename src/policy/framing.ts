import type { IncomingMessage } from 'node:http'

import { type ErrorName, KeystowError } from '../errors.ts'
import { CHUNKED } from '../proxy/connection-tokens.ts'

/** RFC 9110 section 7.2, without what no host of a server is called; the underscore is for container networks. */
const HOST = /^(?:[\w.~-]+|\[[\da-f:.]+\])(?::\d{0,5})?$/i

const CONTINUE = /^100-continue$/i

/** One problem: what the table calls it, and what to do about it where the table's message does not say. */
type Problem = readonly [name: ErrorName, message?: string]

/**
 * Why a message that Node's parser let through must be refused, or undefined. Where two programs may disagree about
 * where a request ends or whom it is for, the second half of one becomes a request of its own; so the connection
 * closes with the answer.
 */
export function findFramingError(
  message: IncomingMessage,
  headerCountLimit: number,
): KeystowError | undefined {
  const problem =
    versionProblem(message) ??
    countProblem(message, headerCountLimit) ??
    encodingProblem(message) ??
    hostProblem(message) ??
    protocolProblem(message)
  if (problem === undefined) return undefined
  const [name, text] = problem
  const headers = { connection: 'close' }
  return new KeystowError(name, text === undefined ? { headers } : { message: text, headers })
}

function versionProblem({ httpVersion }: IncomingMessage): Problem | undefined {
  if (httpVersion === '1.1' || httpVersion === '1.0') return undefined
  return ['badRequest', 'This version of HTTP is not understood. Send HTTP/1.1.']
}

function countProblem({ rawHeaders }: IncomingMessage, limit: number): Problem | undefined {
  return rawHeaders.length / 2 > limit ? ['headersTooLarge'] : undefined
}

function encodingProblem({ headers, httpVersion }: IncomingMessage): Problem | undefined {
  const encoding = headers['transfer-encoding']
  if (encoding === undefined) return undefined
  // RFC 9112 section 6.1: an HTTP/1.0 peer may have framed the body without it.
  if (httpVersion === '1.0') {
    return [
      'badRequest',
      'An HTTP/1.0 request cannot have a Transfer-Encoding. Send a Content-Length.',
    ]
  }
  if (CHUNKED.test(encoding)) return undefined
  return [
    'badRequest',
    'The only Transfer-Encoding that is understood is chunked. Send the body in chunks or with a Content-Length.',
  ]
}

function hostProblem({ headers, rawHeaders, httpVersion }: IncomingMessage): Problem | undefined {
  const hosts = countHeader(rawHeaders, 'host')
  if (hosts > 1) {
    return ['badRequest', 'The request names its host more than once. Send one Host header.']
  }
  if (hosts === 0) {
    if (httpVersion === '1.0') return undefined
    return ['badRequest', 'The request names no host. Send a Host header.']
  }
  const host = headers.host ?? ''
  const port = Number(/:(\d+)$/.exec(host)?.[1] ?? 0)
  if (HOST.test(host) && port <= 65_535) return undefined
  return ['badRequest', 'The Host header is not a host and port. Send the name of this server.']
}

/** Other protocols are not offered: one that is not WebSocket may be ignored (RFC 9110 section 7.8). */
function protocolProblem({ headers, httpVersion }: IncomingMessage): Problem | undefined {
  const { expect, upgrade } = headers
  if (upgrade !== undefined && /websocket/i.test(upgrade)) {
    return ['badRequest', 'WebSocket is not offered here. Send an HTTP request.']
  }
  // RFC 9110 section 10.1.1: HTTP/1.0 knows no expectations.
  if (expect === undefined || httpVersion === '1.0' || CONTINUE.test(expect)) return undefined
  return ['expectationFailed']
}

function countHeader(rawHeaders: readonly string[], name: string): number {
  let count = 0
  for (let i = 0; i < rawHeaders.length; i += 2) {
    if (rawHeaders[i]?.length === name.length && rawHeaders[i]?.toLowerCase() === name) count++
  }
  return count
}
