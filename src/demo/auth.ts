import type { IncomingHttpHeaders } from 'node:http'

import { DemoError } from './demo-error.ts'

const MIDJOURNEY_PATH = /^(?:\/(?:mj-fast|mj-relax|mj-turbo|fast|relax))?\/mj\//
const BEARER = /^Bearer +(.+)$/i

/** Which of the credentials a request brings; throws the 401 OpenAI would send when it is none. */
export function requireCredential(
  headers: IncomingHttpHeaders,
  path: string,
  credentials: readonly string[],
): string {
  const bearer = BEARER.exec(headers.authorization ?? '')?.[1]?.trim()
  const header = MIDJOURNEY_PATH.test(path) ? headers['mj-api-secret'] : undefined
  const secret = typeof header === 'string' ? header : undefined
  const found = credentials.find((credential) => credential === bearer || credential === secret)
  if (found === undefined) throw refusal(bearer ?? secret)
  return found
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
