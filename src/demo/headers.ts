import type { Exchange } from './exchange.ts'

export type AnswerHeaders = Record<string, string | string[]>

const RATE_LIMIT_REQUESTS = 10_000
const RATE_LIMIT_TOKENS = 2_000_000

/** The headers a real provider behind a CDN sends; much of it must not reach a client of Keystow. */
export function buildAnswerHeaders({ requestId, startedAtMs }: Exchange): AnswerHeaders {
  return {
    'x-request-id': requestId,
    'openai-processing-ms': String(Math.round(performance.now() - startedAtMs)),
    'openai-version': '2020-10-01',
    'openai-organization': 'org-demo-account-owner',
    'x-ratelimit-limit-requests': String(RATE_LIMIT_REQUESTS),
    'x-ratelimit-remaining-requests': String(RATE_LIMIT_REQUESTS - 1),
    'x-ratelimit-reset-requests': '6ms',
    'x-ratelimit-limit-tokens': String(RATE_LIMIT_TOKENS),
    'x-ratelimit-remaining-tokens': String(RATE_LIMIT_TOKENS - 100),
    'x-ratelimit-reset-tokens': '3ms',
    'access-control-allow-origin': '*',
    'access-control-expose-headers': 'X-Request-ID',
    'set-cookie': ['__cf_bm=demo-cookie; path=/; HttpOnly; Secure; SameSite=None', '_cfuvid=demo'],
    server: 'cloudflare',
    'cf-ray': '8f00000000000000-HKG',
    'alt-svc': 'h3=":443"; ma=86400',
    'strict-transport-security': 'max-age=31536000',
  }
}
