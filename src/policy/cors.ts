import type { Client } from '../clients/client.ts'

/** What a page may read of an answer besides the headers the Fetch standard always allows. */
const EXPOSED_HEADERS = [
  'content-disposition',
  'location',
  'openai-model',
  'openai-processing-ms',
  'openai-version',
  'retry-after',
  'retry-after-ms',
  'x-ratelimit-limit-requests',
  'x-ratelimit-limit-tokens',
  'x-ratelimit-remaining-requests',
  'x-ratelimit-remaining-tokens',
  'x-ratelimit-reset-requests',
  'x-ratelimit-reset-tokens',
  'x-request-id',
  'x-should-retry',
  'x-upstream-request-id',
].join(', ')

const ALLOWED_METHODS = 'GET, HEAD, POST, PUT, PATCH, DELETE'

/** Chromium keeps a preflight's answer no longer than this. */
const PREFLIGHT_MAX_AGE_S = 7200

/** What a page sends most, for a preflight that names no headers. */
const USUAL_REQUEST_HEADERS = 'authorization, content-type'

const HEADER_LIST = /^[\w!#$%&'*+.^`|~-]+(?:\s*,\s*[\w!#$%&'*+.^`|~-]+)*$/

export interface CorsPolicy {
  /** Headers for every answer to a request of this origin, allowed or not. */
  answerHeaders(origin: string | undefined): Record<string, string>
  /** Further headers for the answer to a preflight of an allowed origin. */
  preflightHeaders(requestedHeaders: string | undefined): Record<string, string>
  /** Whether any client may be called from this origin: a preflight does not say which client it is for. */
  isKnownOrigin(origin: string): boolean
  /** Whether pages of this origin may call without a token: what a client's own list adds is for its token. */
  isOpenOrigin(origin: string): boolean
  /** Whether pages of this origin may call as this client and read its answers. */
  isOriginOf(client: Client, origin: string): boolean
}

/** The Fetch standard's CORS protocol for exact origins. No answer ever allows cookies: no client uses them. */
export function createCorsPolicy(
  allowedOrigins: readonly string[],
  clients: readonly Client[],
): CorsPolicy {
  const everyOrigin = [...allowedOrigins, ...clients.flatMap((client) => client.origins ?? [])]
  const known = new Set(everyOrigin)
  const isKnownOrigin = (origin: string): boolean => known.has(origin) || known.has('*')

  return {
    isKnownOrigin,
    // `null` is whoever hides the origin, as a sandboxed frame of any page does.
    isOpenOrigin: (origin) =>
      allowedOrigins.includes(origin) || (allowedOrigins.includes('*') && origin !== 'null'),
    isOriginOf(client, origin) {
      const origins = client.origins ?? allowedOrigins
      return origins.includes(origin) || origins.includes('*')
    },
    answerHeaders(origin) {
      if (origin === undefined || !isKnownOrigin(origin)) return { vary: 'Origin' }
      return {
        vary: 'Origin',
        'access-control-allow-origin': known.has(origin) ? origin : '*',
        'access-control-expose-headers': EXPOSED_HEADERS,
      }
    },
    preflightHeaders(requestedHeaders) {
      // Reflected, because the SDKs' own headers (x-stainless-*) grow with every release.
      const headers = requestedHeaders?.trim() ?? ''
      return {
        vary: 'Origin, Access-Control-Request-Method, Access-Control-Request-Headers',
        'access-control-allow-methods': ALLOWED_METHODS,
        'access-control-allow-headers': HEADER_LIST.test(headers) ? headers : USUAL_REQUEST_HEADERS,
        'access-control-max-age': String(PREFLIGHT_MAX_AGE_S),
      }
    },
  }
}
