import type { IncomingHttpHeaders } from 'node:http'

import { KeystowError } from '../errors.ts'

/** Headers that unmodified clients put their key into, in the order in which they count. */
const TOKEN_HEADERS = ['api-key', 'x-api-key', 'mj-api-secret'] as const

const ALL_HEADERS = ['authorization', ...TOKEN_HEADERS] as const

/**
 * The client token that a request presents, or undefined when it presents none; an empty header is none.
 * Throws when `authorization` stands twice: Node keeps the first, and others would have read the last.
 */
export function presentedToken(
  headers: IncomingHttpHeaders,
  rawHeaders: readonly string[],
): string | undefined {
  const authorization = headers.authorization?.trim() ?? ''
  if (authorization !== '') {
    refuseSecondAuthorization(rawHeaders)
    const token = /^bearer\s+(.+)$/i.exec(authorization)?.[1] ?? authorization
    if (token.toLowerCase() !== 'bearer') return token
  }
  for (const name of TOKEN_HEADERS) {
    const value = headers[name]
    const token = typeof value === 'string' ? value.trim() : ''
    if (token !== '') return token
  }
  return undefined
}

/** Everything that a request presents as a token, whether or not it counts. */
export function presentedTokens(headers: IncomingHttpHeaders): string[] {
  return ALL_HEADERS.map((name) => headers[name])
    .filter((value) => typeof value === 'string')
    .map((value) => value.trim().replace(/^bearer\s+/i, ''))
}

function refuseSecondAuthorization(rawHeaders: readonly string[]): void {
  let count = 0
  for (let i = 0; i < rawHeaders.length; i += 2) {
    if (rawHeaders[i]?.toLowerCase() === 'authorization') count++
  }
  if (count > 1) {
    throw new KeystowError('badRequest', {
      message: 'The request holds two Authorization headers. Send one.',
    })
  }
}
