import { connectionTokens } from './connection-tokens.ts'

/**
 * Request headers that mean something to an OpenAI-compatible upstream and nothing about the client.
 * An allow-list: what a browser or a framework invents tomorrow stays here. Framing (content-length,
 * transfer-encoding) and `host` are the HTTP client's, from the body and origin it really sends.
 */
const FORWARDED_HEADERS: ReadonlySet<string> = new Set([
  'accept',
  'content-type',
  'idempotency-key',
  'mj-version',
  'openai-beta',
  'user-agent',
  'x-runway-version',
])

/** The SDKs' own telemetry (`x-stainless-lang` and so on), which upstreams use for support. */
const FORWARDED_PREFIX = 'x-stainless-'

/**
 * Copies what may pass from a client's raw headers (name, value, name, value) into a new flat list.
 * The client's own credential, in whatever header, is not in it; the caller injects the upstream's last,
 * so that nothing a client names in `Connection` can take it out again.
 */
export function buildOutboundHeaders(rawHeaders: readonly string[]): string[] {
  const outbound: string[] = []
  const named = connectionTokens(rawHeaders)
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = (rawHeaders[i] ?? '').toLowerCase()
    if (!isForwarded(name) || named?.has(name)) continue
    outbound.push(name, rawHeaders[i + 1] ?? '')
  }
  // What passes has to be readable for the egress scan.
  outbound.push('accept-encoding', 'identity')
  return outbound
}

const isForwarded = (name: string): boolean =>
  FORWARDED_HEADERS.has(name) || name.startsWith(FORWARDED_PREFIX)
