import { connectionTokens } from './connection-tokens.ts'
import type { Family } from './family.ts'

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

/** Headers of which a second is one more entry in a list; of any other only the first counts, here and upstream. */
const LIST_HEADERS: ReadonlySet<string> = new Set(['accept', 'openai-beta'])

/** What carries a secret of the client's, or says where a message ends and who speaks: no setting forwards these. */
const NEVER_FORWARDED: ReadonlySet<string> = new Set([
  'accept-encoding',
  'api-key',
  'authorization',
  'connection',
  'content-encoding',
  'content-length',
  'cookie',
  'expect',
  'forwarded',
  'host',
  'keep-alive',
  'mj-api-secret',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'x-api-key',
  'x-ctoken',
  'x-goog-api-key',
  'x-ptoken',
  'x-real-ip',
  'x-vtoken',
])
const NEVER_FORWARDED_PREFIX = /^(?:proxy-|sec-|x-forwarded-)/

/** Whether a setting may forward this header; servers behind a gateway of old read `_` and `-` as one. */
export function isForwardable(name: string): boolean {
  const asRead = name.toLowerCase().replaceAll('_', '-')
  return !NEVER_FORWARDED.has(asRead) && !NEVER_FORWARDED_PREFIX.test(asRead)
}

/**
 * Copies what may pass from a client's raw headers (name, value, name, value) into a new flat list.
 * The client's own credential, in whatever header, is not in it; the caller injects the upstream's last,
 * so that nothing a client names in `Connection` can take it out again.
 */
export function buildOutboundHeaders(rawHeaders: readonly string[], family: Family): string[] {
  const outbound: string[] = []
  const named = connectionTokens(rawHeaders)
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = (rawHeaders[i] ?? '').toLowerCase()
    if (!isForwarded(name, family) || named?.has(name)) continue
    if (!LIST_HEADERS.has(name) && hasHeader(outbound, name)) continue
    outbound.push(name, rawHeaders[i + 1] ?? '')
  }
  // What passes has to be readable for the egress scan.
  outbound.push('accept-encoding', 'identity')
  return outbound
}

function hasHeader(headers: readonly string[], name: string): boolean {
  for (let i = 0; i < headers.length; i += 2) {
    if (headers[i] === name) return true
  }
  return false
}

const isForwarded = (name: string, { forwardHeaders, credentialHeaders }: Family): boolean =>
  (FORWARDED_HEADERS.has(name) || name.startsWith(FORWARDED_PREFIX) || forwardHeaders.has(name)) &&
  !credentialHeaders.has(name)
