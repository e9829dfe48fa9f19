import { describe, expect, it } from 'vitest'

import { startGateway } from '../helpers/gateway.ts'
import { sendOverWire } from '../helpers/wire-client.ts'
import { startScriptedUpstream } from '../helpers/scripted-upstream.ts'

// The upstream's cookie is a session of the account that the key belongs to. Its CORS headers (most clones answer
// `*`) would open Keystow to every page, its challenge makes a browser ask for a password, its HSTS and Alt-Svc bind
// Keystow's host to what the upstream's can do. And what its Connection header names was meant for Keystow alone.

const SAID = 'said-by-the-upstream'

const DENIED = [
  // The hop.
  'keep-alive',
  'proxy-authenticate',
  'proxy-authentication-info',
  'proxy-connection',
  'te',
  'trailer',
  'upgrade',
  // The account and the host.
  'set-cookie',
  'set-cookie2',
  'openai-organization',
  'openai-project',
  'server',
  'via',
  'x-powered-by',
  'www-authenticate',
  'forwarded',
  'proxy-status',
  'server-timing',
  'x-amz-cf-id',
  'x-amzn-requestid',
  'x-aspnet-version',
  'x-aspnetmvc-version',
  'x-backend',
  'x-backend-server',
  'x-cache',
  'x-cache-hits',
  'x-envoy-upstream-service-time',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-generator',
  'x-kong-upstream-latency',
  'x-litellm-key-spend',
  'x-ms-region',
  'x-new-api-version',
  'x-real-ip',
  'x-runtime',
  'x-served-by',
  'x-varnish',
  'cf-ray',
  'cf-cache-status',
  'cf-connecting-ip',
  // What a browser would obey in Keystow's name.
  'access-control-allow-origin',
  'access-control-allow-credentials',
  'access-control-allow-headers',
  'access-control-expose-headers',
  'access-control-max-age',
  'access-control-allow-private-network',
  'accept-ch',
  'alt-svc',
  'clear-site-data',
  'cross-origin-opener-policy',
  'cross-origin-resource-policy',
  'expect-ct',
  'origin-agent-cluster',
  'origin-trial',
  'permissions-policy',
  'set-login',
  'speculation-rules',
  'timing-allow-origin',
  'content-security-policy',
  'content-security-policy-report-only',
  'nel',
  'public-key-pins',
  'refresh',
  'report-to',
  'reporting-endpoints',
  'service-worker-allowed',
  'strict-transport-security',
  // What Keystow says itself.
  'x-upstream-request-id',
  'vary',
  'x-accel-buffering',
  'x-ratelimit-limit-requests',
  'x-ratelimit-remaining-requests',
  'x-ratelimit-reset-requests',
]

const PASSED = [
  'content-type',
  'openai-processing-ms',
  'openai-version',
  'openai-model',
  'retry-after',
  'retry-after-ms',
  'x-ratelimit-limit-tokens',
  'x-ratelimit-remaining-tokens',
  'x-should-retry',
  'x-oneapi-request-id',
  'etag',
  'last-modified',
  'content-disposition',
  'accept-ranges',
]

async function answerTo(headers: readonly string[]): Promise<Map<string, string[]>> {
  const hasLength = headers.some((line) => line.startsWith('content-length'))
  const upstream = await startScriptedUpstream((socket) =>
    socket.end(
      `HTTP/1.1 200 OK\r\n${headers.join('\r\n').replace('UPSTREAM', upstream)}\r\n${hasLength ? '' : 'content-length: 2\r\n'}\r\n{}`,
    ),
  )
  const gateway = await startGateway({ upstream })
  const { head, body } = await sendOverWire({ port: gateway.port })
  expect(body).toBe('{}')
  const found = new Map<string, string[]>()
  for (const line of head.split('\r\n').slice(1)) {
    const [name = '', ...value] = line.split(': ')
    found.set(name.toLowerCase(), [...(found.get(name.toLowerCase()) ?? []), value.join(': ')])
  }
  return found
}

describe('what an upstream says in its headers', () => {
  it.each(DENIED)('stops here when it is %s, in any case, once or twice', async (name) => {
    const upper = name.toUpperCase()
    const headers = await answerTo([`${name}: ${SAID}`, `${upper}: ${SAID}`])
    expect([...headers.values()].flat()).not.toContain(SAID)
  })

  it.each(PASSED)('reaches the client when it is %s', async (name) => {
    expect((await answerTo([`${name}: ${SAID}`])).get(name)).toEqual([SAID])
  })

  it.each([
    ['connection: x-hop, close', ['x-hop']],
    ['Connection: X-Hop,x-second', ['x-hop', 'x-second']],
    ['connection: close\r\nconnection: x-hop', ['x-hop']],
    ['connection: openai-model , , x-hop', ['openai-model', 'x-hop']],
  ])('stops here when it is named in %j', async (connection, names) => {
    const headers = await answerTo([
      connection,
      ...names.map((name) => `${name}: ${SAID}`),
      'x-a: 1',
    ])
    for (const name of names) expect(headers.has(name)).toBe(false)
    expect(headers.get('x-a')).toEqual(['1'])
  })

  it('does not stand beside what Keystow says', async () => {
    const headers = await answerTo(['x-request-id: theirs', 'date: Thu, 01 Jan 1970 00:00:00 GMT'])
    expect(headers.get('x-request-id')).toEqual([expect.stringMatching(/^req_[0-9a-f]{32}$/)])
    expect(headers.get('x-upstream-request-id')).toEqual(['theirs'])
    expect(headers.get('date')).toHaveLength(1)
    expect(headers.get('content-length')).toEqual(['2'])
  })

  it.each([
    [['content-type: text/plain', 'Content-Type: text/html'], 'content-type', 'text/plain'],
    [['content-type:  text/plain \t'], 'content-type', 'text/plain'],
    [['content-length: 2 '], 'content-length', '2'],
  ])('is read in one way: %j', async (lines, name, value) => {
    const headers = await answerTo(lines)
    expect(headers.get(name)).toEqual([value])
  })

  it.each([
    ['a path', '/v1/x?a=1', '/v1/x?a=1'],
    ['the upstream itself', 'UPSTREAM/v1/x?a=//b', '/v1/x?a=//b'],
    ['another origin', 'https://other.example/v1/x', undefined],
    ['another origin without a scheme', '//other.example/v1/x', undefined],
    ['another scheme', 'javascript:alert(1)', undefined],
    ['a backslash', '/\\other.example/x', undefined],
    ['two slashes behind the upstream', 'UPSTREAM//other.example/x', undefined],
    ['a backslash behind the upstream', 'UPSTREAM/\\other.example', undefined],
    ['two slashes behind a dot', '/.//other.example', undefined],
    ['two slashes behind an encoded dot', '/%2e//other.example', undefined],
    ['two slashes behind two dots', '/..//other.example/a', undefined],
    ['two slashes behind a path that is left', '/a/..//other.example', undefined],
    ['two slashes behind two dots alone', '../..//other.example', undefined],
    ['a neighbour', 'next?a=1', '/v1/chat/next?a=1'],
    ['a level up', '../files/x', '/v1/files/x'],
    ['another query', '?a=1', '/v1/chat/completions?a=1'],
  ])('as a location leads where it says, and nowhere else: %s', async (_what, location, passed) => {
    for (const name of ['location', 'content-location']) {
      const headers = await answerTo([`${name}: ${location}`])
      expect(headers.get(name)).toEqual(passed === undefined ? undefined : [passed])
    }
  })
})
