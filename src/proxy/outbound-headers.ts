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

/** What says where a message ends, how it is coded, whom it is for or what becomes of its connection. */
const OF_THE_MESSAGE: ReadonlySet<string> = new Set([
  'accept-encoding',
  'connection',
  'content-encoding',
  'content-length',
  'expect',
  'host',
  'keep-alive',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
])

/** What carries a secret of the client's, or says who speaks. */
const OF_THE_CLIENT: ReadonlySet<string> = new Set([
  'api-key',
  'authorization',
  'cookie',
  'forwarded',
  'mj-api-secret',
  'x-api-key',
  'x-ctoken',
  'x-goog-api-key',
  'x-ptoken',
  'x-real-ip',
  'x-vtoken',
])
const NEVER_FORWARDED_PREFIX = /^(?:proxy-|sec-|x-forwarded-)/

/** Servers behind a gateway of old read `_` and `-` as one. */
const asRead = (name: string): string => name.toLowerCase().replaceAll('_', '-')

/** Whether a setting may forward this header. */
export function isForwardable(name: string): boolean {
  const read = asRead(name)
  return !OF_THE_MESSAGE.has(read) && !OF_THE_CLIENT.has(read) && !NEVER_FORWARDED_PREFIX.test(read)
}

/** Whether a setting may send the credential in this header. */
export function canHoldCredential(name: string): boolean {
  const read = asRead(name)
  return !OF_THE_MESSAGE.has(read) && read !== 'content-type' && !NEVER_FORWARDED_PREFIX.test(read)
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
