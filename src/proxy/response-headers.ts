import { parseContentEncoding } from './body-decoder.ts'
import { connectionTokens, type RawHeaders } from './connection-tokens.ts'
import type { EgressScanner } from './egress-scan.ts'

/** Connection-scoped headers (RFC 9110 section 7.6.1), and the encoding and framing of what is framed anew. */
const HOP_BY_HOP_HEADERS = [
  'connection',
  'content-encoding',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authentication-info',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]

/** What would tell a client about the upstream's account or machines, or speak to the browser in Keystow's name. */
const UPSTREAM_IDENTITY_HEADERS = [
  'accept-ch',
  'alt-svc',
  'clear-site-data',
  'content-security-policy',
  'content-security-policy-report-only',
  'expect-ct',
  'forwarded',
  'nel',
  'openai-organization',
  'openai-project',
  'origin-agent-cluster',
  'origin-trial',
  'permissions-policy',
  'proxy-status',
  'public-key-pins',
  'refresh',
  'report-to',
  'reporting-endpoints',
  'server',
  'server-timing',
  'service-worker-allowed',
  'set-cookie',
  'set-cookie2',
  'set-login',
  'speculation-rules',
  'strict-transport-security',
  'timing-allow-origin',
  'via',
  'www-authenticate',
  'x-generator',
  'x-new-api-version',
  'x-powered-by',
  'x-real-ip',
  'x-runtime',
  'x-varnish',
]

/** Headers Keystow sets itself; a second value from the upstream would contradict it. */
const OWN_HEADERS = [
  'vary',
  'x-accel-buffering',
  'x-ratelimit-limit-requests',
  'x-ratelimit-remaining-requests',
  'x-ratelimit-reset-requests',
  'x-request-id',
  'x-upstream-request-id',
]

const DROPPED: ReadonlySet<string> = new Set([
  ...HOP_BY_HOP_HEADERS,
  ...UPSTREAM_IDENTITY_HEADERS,
  ...OWN_HEADERS,
])

/**
 * Families of the same. The upstream's CORS policy is for its own pages (most clones answer `*`), as is what it says of
 * embedding them; caches, balancers and gateways in front of it tell where it stands, and LiteLLM what its key has spent.
 */
const DROPPED_FAMILY =
  /^(?:access-control-|cross-origin-|cf-|x-(?:amz|aspnet|azure-|backend|cache|envoy-|forwarded|kong-|litellm-|ms-|original-|served-|vercel-))/

/** What leads a client somewhere, and so nowhere but here. */
const ADDRESSES: ReadonlySet<string> = new Set(['location', 'content-location'])

/** Bytes that Node refuses in a header value. */
const INVALID_VALUE = /[^\t\x20-\x7e\x80-\xff]/g

/** The upstream's answer as its raw headers told it. */
export interface UpstreamHead {
  readonly status: number
  /** What passes to the client: name, value, name, value. */
  readonly headers: string[]
  readonly isEventStream: boolean
  /** The compressions to undo, outermost last; undefined when one is unknown. */
  readonly encodings: readonly string[] | undefined
  readonly requestId: string | undefined
  /** How many headers held a credential. */
  readonly leaks: number
}

/**
 * Sorts an upstream's raw response headers into what passes to the client and what the hop needs to know; `sentTo` is
 * the URL that was asked.
 */
export function readUpstreamHead(
  status: number,
  rawHeaders: RawHeaders,
  sentTo: string,
): UpstreamHead {
  const named = connectionTokens(rawHeaders)
  const passing: string[] = []
  /** The first: whoever reads the last of two would take the body for something else. */
  let contentType: string | undefined
  let contentEncoding = ''
  let requestId: string | undefined
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = (rawHeaders[i] ?? '').toLowerCase()
    const value = (rawHeaders[i + 1] ?? '').replace(INVALID_VALUE, '').trim()
    const isSecondType = name === 'content-type' && contentType !== undefined
    if (name === 'content-type') contentType ??= value
    else if (name === 'content-encoding') contentEncoding += `,${value}`
    else if (name === 'x-request-id') requestId = value
    if (isSecondType || isDropped(name) || named?.has(name)) continue
    const passed = ADDRESSES.has(name) ? ownLocation(value, sentTo) : value
    if (passed !== undefined) passing.push(name, passed)
  }
  if (requestId !== undefined) passing.push('x-upstream-request-id', requestId)
  const encodings = parseContentEncoding(contentEncoding)
  const isEventStream = /^text\/event-stream\s*(?:;|$)/i.test(contentType ?? '')
  // RFC 9110 section 8.6: a 204 has no length, whatever the upstream gave it.
  const isReframed = isEventStream || encodings?.length !== 0 || status === 204
  const headers = isReframed ? withoutHeader(passing, 'content-length') : passing
  return {
    status,
    headers: isEventStream ? toStreamHeaders(headers) : headers,
    isEventStream,
    encodings,
    requestId,
    leaks: 0,
  }
}

const isDropped = (name: string): boolean => DROPPED.has(name) || DROPPED_FAMILY.test(name)

/** Caches and buffers on the way must not hold a stream. */
function toStreamHeaders(passing: readonly string[]): string[] {
  const headers = withoutHeader(passing, 'cache-control')
  headers.push('cache-control', 'no-cache, no-transform', 'x-accel-buffering', 'no')
  return headers
}

/** The list of names and values without one header, named in lower case. */
export function withoutHeader(headers: readonly string[], name: string): string[] {
  const kept: string[] = []
  for (let i = 0; i < headers.length; i += 2) {
    if (headers[i] !== name) kept.push(headers[i] ?? '', headers[i + 1] ?? '')
  }
  return kept
}

/**
 * An address within the upstream as a path here, or undefined for any other: a client that followed it would send
 * its token and body to an origin that nobody chose. A path that begins with two slashes would be read as one.
 */
function ownLocation(value: string, sentTo: string): string | undefined {
  const url = URL.parse(value, sentTo)
  if (url === null || url.pathname.startsWith('//')) return undefined
  if (url.origin !== URL.parse(sentTo)?.origin) return undefined
  return `${url.pathname}${url.search}`
}

/**
 * The head without credentials: a value is redacted, a name that holds one is dropped with its value. The same head
 * when there was none.
 */
export function redactHead(head: UpstreamHead, scanner: EgressScanner): UpstreamHead {
  const { headers, requestId } = head
  // Empty lines between, over which nothing is read as one.
  const all = headers.join('\n\n')
  const names = headers.filter((_, index) => index % 2 === 0)
  if (scanner.scanText(all) === all && scanner.isEachNameSafe(names)) return head
  const redacted: string[] = []
  let leaks = 0
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i] ?? ''
    const value = headers[i + 1] ?? ''
    const isSafe = scanner.isEachNameSafe([name]) && scanner.scanText(name) === name
    const safeValue = scanner.scanText(value)
    if (!isSafe || safeValue !== value) leaks++
    if (isSafe) redacted.push(name, safeValue)
  }
  // It is kept beside the request, in the log and the ledger.
  const safeId = requestId === undefined ? undefined : scanner.scanText(requestId)
  return { ...head, headers: redacted, requestId: safeId, leaks }
}
