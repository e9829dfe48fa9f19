import { describe, expect, it } from 'vitest'

import { hashClientToken } from '../../src/clients/client-token.ts'
import { type Gateway, startGateway, TEST_TOKEN } from '../helpers/gateway.ts'
import { echo, startUpstream } from '../helpers/upstream.ts'

const APP = 'https://app.example.com'
const OTHER = 'https://other.example.com'

async function start(
  env: Readonly<Record<string, string>> = { ALLOWED_ORIGINS: APP },
  yaml?: string,
): Promise<Gateway> {
  const upstream = await startUpstream(echo)
  return startGateway({ upstream: upstream.origin, env, ...(yaml !== undefined && { yaml }) })
}

function preflight(
  gateway: Gateway,
  origin: string,
  path = '/v1/chat/completions',
): Promise<Response> {
  return fetch(gateway.origin + path, {
    method: 'OPTIONS',
    headers: {
      origin,
      'access-control-request-method': 'POST',
      'access-control-request-headers': 'authorization,content-type,x-stainless-lang,x-new-header',
    },
  })
}

describe('a preflight', () => {
  it('is answered without a token, and reflects the headers that were asked for', async () => {
    const response = await preflight(await start(), APP)
    expect(response.status).toBe(204)
    expect(response.headers.get('access-control-allow-origin')).toBe(APP)
    expect(response.headers.get('access-control-allow-headers')).toBe(
      'authorization,content-type,x-stainless-lang,x-new-header',
    )
    expect(response.headers.get('access-control-allow-methods')).toContain('POST')
    expect(response.headers.get('access-control-max-age')).toBe('7200')
    expect(response.headers.get('access-control-allow-credentials')).toBeNull()
    expect(response.headers.get('vary')).toContain('Origin')
  })

  it('uses up no limit', async () => {
    const gateway = await start({ ALLOWED_ORIGINS: APP, RATE_LIMIT_PER_MINUTE: '1' })
    for (let i = 0; i < 5; i++) expect((await preflight(gateway, APP)).status).toBe(204)
    expect((await gateway.fetch('/v1/models')).status).toBe(200)
  })

  it.each(['/v1/files', '/nope', '/healthz', '/v1/v1/models'])(
    'is answered on %s too',
    async (path) => {
      expect((await preflight(await start(), APP, path)).status).toBe(204)
    },
  )

  it.each([
    OTHER,
    'null',
    `${APP}.evil.example`,
    'https://APP.example.com',
    'http://app.example.com',
  ])('of %s is refused and given no permission', async (origin) => {
    const response = await preflight(await start(), origin)
    expect(response.status).toBe(403)
    expect(response.headers.get('access-control-allow-origin')).toBeNull()
  })

  it('never reaches the upstream', async () => {
    const upstream = await startUpstream(echo)
    const gateway = await startGateway({ upstream: upstream.origin, env: { ALLOWED_ORIGINS: APP } })
    await preflight(gateway, APP)
    expect(upstream.received).toHaveLength(0)
  })

  it('of the origin of any one client is allowed', async () => {
    const gateway = await start({}, clientYaml('bob', 'ks-test-bob', `origins: [${OTHER}]`))
    expect((await preflight(gateway, OTHER)).status).toBe(204)
    expect((await preflight(gateway, APP)).status).toBe(403)
  })
})

describe('CORS headers', () => {
  it.each([
    ['an answer', '/v1/models', 200, {}],
    ['a 401', '/v1/models', 401, { authorization: 'Bearer wrong' }],
    ['a closed path', '/v1/files', 403, {}],
    ['an unknown path', '/nope', 404, {}],
    ['a refused path', '/v1/a%2Fb', 400, {}],
    ['a health check', '/healthz', 200, {}],
  ])('stand on %s', async (_what, path, status, headers) => {
    const gateway = await start()
    const response = await gateway.fetch(path, { headers: { origin: APP, ...headers } })
    expect(response.status).toBe(status)
    expect(response.headers.get('access-control-allow-origin')).toBe(APP)
    expect(response.headers.get('vary')).toContain('Origin')
    const exposed = response.headers.get('access-control-expose-headers') ?? ''
    for (const name of [
      'retry-after',
      'x-request-id',
      'x-ratelimit-limit-requests',
      'x-should-retry',
    ]) {
      expect(exposed).toContain(name)
    }
  })

  it('stand on a 413, a 429 and a 502', async () => {
    const gateway = await startGateway({
      upstream: 'http://127.0.0.1:9',
      env: { ALLOWED_ORIGINS: APP, BODY_LIMIT_MB: '1', RATE_LIMIT_PER_MINUTE: '2' },
    })
    const headers = { origin: APP, 'content-type': 'application/json' }
    const large = { method: 'POST', headers, body: 'x'.repeat(2 * 1024 * 1024) }
    const answers = [
      await gateway.fetch('/v1/chat/completions', large).catch(() => undefined),
      await gateway.fetch('/v1/models', { headers }),
      await gateway.fetch('/v1/models', { headers }),
    ]
    expect(answers.map((answer) => answer?.status)).toEqual([413, 502, 429])
    for (const answer of answers) {
      expect(answer?.headers.get('access-control-allow-origin')).toBe(APP)
    }
  })

  it('are one value each, whatever the upstream allows', async () => {
    const upstream = await startUpstream((_request, response) => {
      response.writeHead(200, {
        'access-control-allow-origin': '*',
        'access-control-allow-credentials': 'true',
      })
      response.end('{}')
    })
    const gateway = await startGateway({ upstream: upstream.origin, env: { ALLOWED_ORIGINS: APP } })
    const allowed = await gateway.fetch('/v1/models', { headers: { origin: APP } })
    expect(allowed.headers.get('access-control-allow-origin')).toBe(APP)
    expect(allowed.headers.get('access-control-allow-credentials')).toBeNull()
    const foreign = await gateway.fetch('/v1/models', { headers: { origin: OTHER } })
    expect(foreign.headers.get('access-control-allow-origin')).toBeNull()
  })

  it('tell caches that they differ by origin, of requests without one too', async () => {
    const gateway = await start({ ALLOWED_ORIGINS: APP })
    for (const headers of [{}, { origin: OTHER }, { origin: APP }]) {
      const response = await gateway.fetch('/v1/models', { headers })
      expect(response.headers.get('vary')).toBe('Origin')
    }
  })

  it('allow any origin with * and tokens, still without cookies', async () => {
    const gateway = await start({ ALLOWED_ORIGINS: '*' })
    const response = await gateway.fetch('/v1/models', { headers: { origin: OTHER } })
    expect(response.headers.get('access-control-allow-origin')).toBe('*')
    expect(response.headers.get('access-control-allow-credentials')).toBeNull()
  })
})

describe('a client with origins of its own', () => {
  const token = 'ks-test-bob'
  const yaml = clientYaml('bob', token, `origins: [${OTHER}]`)

  it('may be called from them', async () => {
    const gateway = await start({ ALLOWED_ORIGINS: APP }, yaml)
    const headers = { authorization: `Bearer ${token}`, origin: OTHER }
    const response = await gateway.fetch('/v1/models', { headers })
    expect(response.status).toBe(200)
    expect(response.headers.get('access-control-allow-origin')).toBe(OTHER)
  })

  it('may not be called from others, and the page may read why', async () => {
    const gateway = await start({ ALLOWED_ORIGINS: APP }, yaml)
    const headers = { authorization: `Bearer ${token}`, origin: APP }
    const response = await gateway.fetch('/v1/models', { headers })
    expect(response.status).toBe(403)
    expect(response.headers.get('access-control-allow-origin')).toBe(APP)
    expect(response.headers.get('access-control-expose-headers')).toContain('x-request-id')
    expect(await response.text()).toContain("the client's origins")
  })

  it('may not be called from a page that nobody may be called from, which reads nothing', async () => {
    const gateway = await start({ ALLOWED_ORIGINS: APP }, yaml)
    const headers = { authorization: `Bearer ${token}`, origin: 'https://evil.example' }
    const response = await gateway.fetch('/v1/models', { headers })
    expect(response.status).toBe(403)
    expect(response.headers.get('access-control-allow-origin')).toBeNull()
  })

  it('may be called from no page when its list is empty', async () => {
    const gateway = await start({ ALLOWED_ORIGINS: APP }, clientYaml('bob', token, 'origins: []'))
    const send = (origin: Readonly<Record<string, string>>): Promise<Response> =>
      gateway.fetch('/v1/models', { headers: { authorization: `Bearer ${token}`, ...origin } })
    expect((await send({ origin: APP })).status).toBe(403)
    expect((await send({})).status).toBe(200)
  })

  it('lends its origins to no other client, whose answers their pages do not read', async () => {
    const gateway = await start({ ALLOWED_ORIGINS: APP }, yaml)
    const headers = { authorization: `Bearer ${TEST_TOKEN}`, origin: OTHER }
    const response = await gateway.fetch('/v1/models', { headers })
    expect(response.status).toBe(200)
    expect(response.headers.get('access-control-allow-origin')).toBeNull()
  })
})

describe('a client without origins of its own', () => {
  // A server that passes on the Origin of its page knows the token: it is no page.
  it.each([
    ['of the instance', APP, APP],
    ['that nobody named', OTHER, null],
    ['of a sandboxed page', 'null', null],
  ])(
    'is answered for an origin %s, and who may read it is said',
    async (_what, origin, allowed) => {
      const gateway = await start({ ALLOWED_ORIGINS: APP })
      const response = await gateway.fetch('/v1/models', { headers: { origin } })
      expect(response.status).toBe(200)
      expect(response.headers.get('access-control-allow-origin')).toBe(allowed)
    },
  )

  it('is called from servers that pass an Origin on, where no origins are named', async () => {
    const gateway = await start({})
    const response = await gateway.fetch('/v1/models', { headers: { origin: OTHER } })
    expect(response.status).toBe(200)
    expect(response.headers.get('access-control-allow-origin')).toBeNull()
  })
})

function clientYaml(id: string, token: string, rest: string): string {
  const hash = hashClientToken(token).toString('hex')
  return `clients:\n  - id: ${id}\n    tokenHash: ${hash}\n    ${rest}\n`
}
