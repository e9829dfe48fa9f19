import type { IncomingHttpHeaders } from 'node:http'

import { describe, expect, it } from 'vitest'

import { startGateway, TEST_CREDENTIAL, TEST_TOKEN } from '../helpers/gateway.ts'
import { startUpstream } from '../helpers/upstream.ts'

// A client's token in a header that the upstream also reads reaches a third party, and some gateways prefer it over
// Authorization. A browser adds what names the person: cookies, the page, the address. CGI and WSGI servers behind a
// gateway read X_API_KEY as X-API-KEY. And a header that the client names in Connection is dropped on the way: were
// the credential put in before that, `Connection: authorization` would take it out.

const SECRET = 'ks-test-secret-of-the-client'

/** What clients, browsers and gateways carry a secret in. */
const DRESSES = [
  'api-key',
  'x-api-key',
  'x-goog-api-key',
  'mj-api-secret',
  'proxy-authorization',
  'cookie',
  'x-ptoken',
  'x-vtoken',
  'x-ctoken',
  'sec-websocket-protocol',
  'x-auth-token',
  'x-access-token',
  'x-csrf-token',
  'x-amz-security-token',
  'ocp-apim-subscription-key',
  'anthropic-api-key',
  'authentication',
  'x-authorization',
]

/** What names the client, its page or its connection, or would change what the upstream does with the request. */
const STRANGERS: Readonly<Record<string, string>> = {
  'x-forwarded-for': '203.0.113.9',
  'x-forwarded-host': 'victim.example',
  'x-forwarded-proto': 'http',
  'x-real-ip': '203.0.113.9',
  forwarded: 'for=203.0.113.9',
  'cf-connecting-ip': '203.0.113.9',
  'true-client-ip': '203.0.113.9',
  via: '1.1 client',
  origin: 'https://app.example.com',
  referer: 'https://app.example.com/private',
  'sec-fetch-site': 'cross-site',
  'x-http-method-override': 'DELETE',
  'x-original-url': '/v1/organization',
  'x-rewrite-url': '/v1/organization',
  'openai-organization': 'org-of-another',
  'openai-project': 'proj-of-another',
  range: 'bytes=0-1',
  'if-none-match': '*',
  te: 'trailers',
  'content-encoding': 'gzip',
  'accept-encoding': 'gzip',
  'x-request-id': 'forged',
  'x-invented-tomorrow': '1',
}

const ALLOWED = [
  'accept',
  'accept-encoding',
  'authorization',
  'connection',
  'content-length',
  'content-type',
  'host',
  'user-agent',
]

interface Received {
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

/** What reaches the upstream of a request with these headers. */
async function received(
  headers: Readonly<Record<string, string>>,
  { yaml = '', path = '/v1/chat/completions' } = {},
): Promise<Received> {
  const arrived = Promise.withResolvers<Received>()
  const upstream = await startUpstream(({ message, body }, response) => {
    arrived.resolve({ headers: message.headers, body: body.toString() })
    response.end('{}')
  })
  const gateway = await startGateway({
    upstream: upstream.origin,
    yaml: `allowedOrigins: ['https://app.example.com']\n${yaml}`,
  })
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  gateway
    .connect()
    .write(
      `POST ${path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${TEST_TOKEN}\r\n` +
        `content-type: application/json\r\n${lines.join('')}content-length: 2\r\n\r\n{}`,
    )
  return arrived.promise
}

describe('what a client sends in its headers', () => {
  it.each(DRESSES)('stays here when it is a secret in %s', async (name) => {
    const { headers } = await received({ [name]: SECRET, [name.replaceAll('-', '_')]: SECRET })
    expect(JSON.stringify(headers)).not.toContain(SECRET)
    expect(JSON.stringify(headers)).not.toContain(TEST_TOKEN)
    expect(headers['authorization']).toBe(`Bearer ${TEST_CREDENTIAL}`)
    expect(Object.keys(headers).filter((sent) => !ALLOWED.includes(sent))).toEqual([])
  })

  it.each(Object.entries(STRANGERS))('stays here when it is %s: %s', async (name, value) => {
    const { headers } = await received({ [name]: value })
    expect(Object.keys(headers).filter((sent) => !ALLOWED.includes(sent))).toEqual([])
    expect(headers['accept-encoding']).toBe('identity')
    expect(headers['host']).toMatch(/^127\.0\.0\.1:/)
  })

  it.each(['authorization', 'content-type, authorization', 'host', 'content-length', 'user-agent'])(
    'takes nothing out that Keystow puts in: Connection: %s',
    async (named) => {
      const { headers, body } = await received({ connection: `keep-alive, ${named}` })
      expect(headers['authorization']).toBe(`Bearer ${TEST_CREDENTIAL}`)
      expect(headers['host']).toMatch(/^127\.0\.0\.1:/)
      expect(body).toBe('{}')
    },
  )

  it('goes on when it means something to the upstream', async () => {
    const passing = {
      accept: 'text/event-stream',
      'user-agent': 'OpenAI/JS 7.57.0',
      'idempotency-key': 'stainless-node-retry-1',
      'openai-beta': 'assistants=v2',
      'mj-version': '2.5.0',
      'x-runway-version': '2024-11-06',
      'x-stainless-lang': 'js',
      'x-stainless-retry-count': '0',
    }
    const { headers } = await received(passing)
    expect(headers).toMatchObject(passing)
  })

  it('is read once where two would be read in two ways', async () => {
    const { headers } = await received({
      'Content-Type': 'multipart/form-data; boundary=x',
      'OpenAI-Beta': 'a=1',
      'openai-beta': 'b=2',
    })
    expect(headers['content-type']).toBe('application/json')
    expect(headers['openai-beta']).toBe('a=1, b=2')
  })
})

describe('forwardHeaders', () => {
  const sent = { 'openai-organization': 'org-1', 'openai-project': 'proj-1', 'x-extra': '1' }

  it('opens headers of /v1', async () => {
    const { headers } = await received(sent, { yaml: 'forwardHeaders: [OpenAI-Organization]' })
    expect(headers['openai-organization']).toBe('org-1')
    expect(headers['openai-project']).toBeUndefined()
    expect(headers['x-extra']).toBeUndefined()
  })

  it('opens headers of a route, and only of that one', async () => {
    const yaml =
      'routes: { suno: { prefix: /suno, header: X-Suno, forwardHeaders: [x-extra, x-suno] } }'
    const { headers } = await received({ ...sent, 'x-suno': SECRET }, { yaml, path: '/suno/x' })
    expect(headers['x-extra']).toBe('1')
    expect(headers['openai-project']).toBeUndefined()
    expect(headers['x-suno']).toBe(`Bearer ${TEST_CREDENTIAL}`)
    const elsewhere = await received(sent, { yaml })
    expect(elsewhere.headers['x-extra']).toBeUndefined()
  })
})
