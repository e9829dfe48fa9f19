import type { IncomingHttpHeaders } from 'node:http'

import { DemoError } from './demo-error.ts'

const MIDJOURNEY_PATH = /^(?:\/(?:mj-fast|mj-relax|mj-turbo|fast|relax))?\/mj\//
const BEARER = /^Bearer +(.+)$/i

/** Throws the 401 OpenAI would send, unless the request brings the credential. */
export function requireCredential(
  headers: IncomingHttpHeaders,
  path: string,
  credential: string,
): void {
  const bearer = BEARER.exec(headers.authorization ?? '')?.[1]?.trim()
  if (bearer === credential) return
  const secret = MIDJOURNEY_PATH.test(path) ? headers['mj-api-secret'] : undefined
  if (secret === credential) return
  throw refusal(bearer ?? (typeof secret === 'string' ? secret : undefined))
}

function refusal(presented: string | undefined): DemoError {
  const details = { code: 'invalid_api_key' }
  if (presented === undefined) {
    const message = 'No API key was provided. Send it as "Authorization: Bearer <key>".'
    return new DemoError(401, message, { ...details, code: null })
  }
  return new DemoError(401, `Incorrect API key provided: ${redact(presented)}.`, details)
}

/** Head and tail stay, as in OpenAI's own message; a short key shows nothing. */
function redact(key: string): string {
  if (key.length < 12) return '*'.repeat(key.length)
  return key.slice(0, 3) + '*'.repeat(key.length - 7) + key.slice(-4)
}
