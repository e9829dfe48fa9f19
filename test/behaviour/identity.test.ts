import { describe, expect, it } from 'vitest'

import { hashClientToken } from '../../src/clients/client-token.ts'
import { type Gateway, startGateway, TEST_TOKEN } from '../helpers/gateway.ts'
import { echo, startUpstream } from '../helpers/upstream.ts'

interface StartOptions {
  readonly env?: Readonly<Record<string, string>>
  readonly yaml?: string
}

async function start(options: StartOptions = {}): Promise<Gateway> {
  const upstream = await startUpstream(echo)
  return startGateway({ upstream: upstream.origin, ...options })
}

const status = async (gateway: Gateway, headers: Record<string, string>): Promise<number> =>
  (await fetch(`${gateway.origin}/v1/models`, { headers })).status

describe('a client token', () => {
  it.each([
    ['as a bearer', { authorization: `Bearer ${TEST_TOKEN}` }],
    ['with the scheme in lower case', { authorization: `bearer ${TEST_TOKEN}` }],
    ['behind the mark of an access code', { authorization: `Bearer nk-${TEST_TOKEN}` }],
    ['as api-key', { 'api-key': TEST_TOKEN }],
    ['as x-api-key', { 'x-api-key': TEST_TOKEN }],
    ['as mj-api-secret', { 'mj-api-secret': TEST_TOKEN }],
    ['beside an empty Authorization', { authorization: '', 'x-api-key': TEST_TOKEN }],
  ])('is taken %s', async (_how, headers) => {
    expect(await status(await start(), headers)).toBe(200)
  })

  it.each([
    ['missing', {}],
    ['unknown', { authorization: 'Bearer ks-test-unknown' }],
    ['empty', { authorization: '' }],
    ['a bare scheme', { authorization: 'Bearer' }],
    ['in other letters', { authorization: `Bearer ${TEST_TOKEN.toUpperCase()}` }],
    ['longer', { authorization: `Bearer ${TEST_TOKEN}x` }],
  ])('that is %s is answered 401', async (_what, headers) => {
    const gateway = await start()
    const response = await fetch(`${gateway.origin}/v1/models`, { headers })
    expect(response.status).toBe(401)
    expect(await response.json()).toMatchObject({
      error: { type: 'invalid_request_error', code: 'invalid_api_key', param: null },
    })
  })

  it('that stands twice is refused, because programs differ in which they read', async () => {
    const gateway = await start()
    const socket = gateway.connect()
    const answer = new Promise<string>((resolve) =>
      socket.once('data', (chunk: Buffer) => resolve(chunk.toString())),
    )
    socket.write(
      `GET /v1/models HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${TEST_TOKEN}\r\nauthorization: Bearer other\r\n\r\n`,
    )
    expect(await answer).toMatch(/^HTTP\/1\.1 400 /)
  })
})

describe('unknown tokens', () => {
  it('cost their address, and make no key of their own', async () => {
    const gateway = await start({ env: { AUTH_FAILURE_LIMIT_PER_MINUTE: '5' } })
    const statuses: number[] = []
    for (let i = 0; i < 8; i++) {
      statuses.push(await status(gateway, { authorization: `Bearer ks-test-guess-${i}` }))
    }
    expect(statuses).toEqual([401, 401, 401, 401, 401, 429, 429, 429])
    expect(await status(gateway, { authorization: `Bearer ${TEST_TOKEN}` })).toBe(200)
  })
})

describe('requests without a token', () => {
  it('cost their address as well, on /v1 and for the operator, but no preflight does', async () => {
    const env = { AUTH_FAILURE_LIMIT_PER_MINUTE: '2', ADMIN_TOKEN: 'ks-test-admin' }
    const gateway = await start({ env: { ...env, ALLOWED_ORIGINS: 'https://app.example' } })
    const headers = { origin: 'https://app.example', 'access-control-request-method': 'POST' }
    for (let i = 0; i < 4; i++) {
      const init = { method: 'OPTIONS', headers }
      expect((await fetch(`${gateway.origin}/v1/models`, init)).status).toBe(204)
    }
    expect(await status(gateway, {})).toBe(401)
    expect((await fetch(`${gateway.origin}/metrics`)).status).toBe(401)
    expect(await status(gateway, {})).toBe(429)
    expect((await fetch(`${gateway.origin}/metrics`)).status).toBe(429)
    expect(await status(gateway, { authorization: `Bearer ${TEST_TOKEN}` })).toBe(200)
  })

  it('cost nothing of it under open access', async () => {
    const env = { AUTH_FAILURE_LIMIT_PER_MINUTE: '1', OPEN_ACCESS: 'true' }
    const gateway = await start({ env })
    for (let i = 0; i < 3; i++) expect(await status(gateway, {})).toBe(200)
  })
})

describe('unknown admin tokens', () => {
  it('cost their address too', async () => {
    const env = { AUTH_FAILURE_LIMIT_PER_MINUTE: '2', ADMIN_TOKEN: 'ks-test-admin' }
    const gateway = await start({ env })
    const ask = async (token: string): Promise<number> => {
      const headers = { authorization: `Bearer ${token}` }
      return (await fetch(`${gateway.origin}/metrics`, { headers })).status
    }
    expect([await ask('a'), await ask('b'), await ask('c')]).toEqual([401, 401, 429])
    expect(await ask('ks-test-admin')).toBe(200)
  })
})

describe('open access', () => {
  const env = { OPEN_ACCESS: 'true', CLIENT_TOKENS: '' }

  it('lets callers in without a token, or with any placeholder', async () => {
    const gateway = await start({ env })
    expect(await status(gateway, {})).toBe(200)
    expect(await status(gateway, { authorization: '' })).toBe(200)
    expect(await status(gateway, { authorization: 'Bearer nk-anything' })).toBe(200)
    expect(gateway.requestLines()[0]).toMatchObject({ client: 'address:127.0.0.1' })
  })

  it('makes one client of each address, and of each /64', async () => {
    const gateway = await start({
      env: { ...env, TRUST_PROXY: '127.0.0.1', RATE_LIMIT_PER_MINUTE: '2' },
    })
    const from = (address: string): Promise<number> =>
      status(gateway, { 'x-forwarded-for': address })
    expect(await from('203.0.113.1')).toBe(200)
    expect(await from('203.0.113.1:1234')).toBe(200)
    expect(await from('203.0.113.1:5678')).toBe(429)
    expect(await from('203.0.113.2')).toBe(200)
    expect(await from('2001:db8::1')).toBe(200)
    expect(await from('[2001:db8::2]:443')).toBe(200)
    expect(await from('2001:db8:0:0:ffff::9')).toBe(429)
    expect(await from('2001:db8:0:1::1')).toBe(200)
  })

  it('believes X-Forwarded-For from nobody by default', async () => {
    const gateway = await start({ env: { ...env, RATE_LIMIT_PER_MINUTE: '1' } })
    expect(await status(gateway, { 'x-forwarded-for': '203.0.113.1' })).toBe(200)
    expect(await status(gateway, { 'x-forwarded-for': '203.0.113.2' })).toBe(429)
  })

  it('believes only what trusted proxies wrote', async () => {
    const gateway = await start({
      env: { ...env, TRUST_PROXY: '127.0.0.0/8', RATE_LIMIT_PER_MINUTE: '1' },
    })
    expect(await status(gateway, { 'x-forwarded-for': '1.1.1.1, 203.0.113.1' })).toBe(200)
    expect(await status(gateway, { 'x-forwarded-for': '2.2.2.2, 203.0.113.1' })).toBe(429)
  })

  it.each([
    ['of a foreign page', { origin: 'https://evil.example' }],
    ['of a sandboxed page', { origin: 'null' }],
    ['across sites without an Origin', { 'sec-fetch-site': 'cross-site' }],
  ])('refuses a request %s, preflight or none', async (_what, headers) => {
    const gateway = await start({ env: { ...env, ALLOWED_ORIGINS: 'https://app.example.com' } })
    const response = await fetch(`${gateway.origin}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'text/plain', ...headers },
      body: '{"model":"gpt-4"}',
    })
    expect(response.status).toBe(403)
  })

  it('serves pages of every origin that has a name, where * allows all', async () => {
    const gateway = await start({ env: { ...env, ALLOWED_ORIGINS: '*' } })
    expect(await status(gateway, { origin: 'https://any.example' })).toBe(200)
    expect(await status(gateway, { origin: 'null' })).toBe(403)
    expect(await status(gateway, { 'sec-fetch-site': 'cross-site' })).toBe(403)
  })

  it('serves pages of an allowed origin', async () => {
    const gateway = await start({ env: { ...env, ALLOWED_ORIGINS: 'https://app.example.com' } })
    expect(await status(gateway, { origin: 'https://app.example.com' })).toBe(200)
  })

  it.each([
    ['names', 'https://bob.example', ''],
    ['allows any origin', '*', ''],
    ['names beside ALLOWED_ORIGINS', 'https://bob.example', 'https://app.example.com'],
  ])(
    'refuses a page whose origin only a client %s, when it sends no token',
    async (_what, listed, allowed) => {
      const hash = hashClientToken('ks-test-bob').toString('hex')
      const gateway = await start({
        env: { ...env, ALLOWED_ORIGINS: allowed },
        yaml: `clients: [{ id: bob, tokenHash: ${hash}, origins: ["${listed}"] }]`,
      })
      const send = (headers: Readonly<Record<string, string>> = {}): Promise<Response> =>
        fetch(`${gateway.origin}/v1/chat/completions`, {
          method: 'POST',
          headers: { 'content-type': 'text/plain', origin: 'https://bob.example', ...headers },
          body: '{"model":"gpt-4"}',
        })
      const refused = await send()
      expect(refused.status).toBe(403)
      expect(refused.headers.get('access-control-allow-origin')).toBeNull()
      expect((await send({ authorization: 'Bearer ks-test-bob' })).status).toBe(200)
    },
  )

  it('still knows clients by their tokens', async () => {
    const gateway = await start({ env: { OPEN_ACCESS: 'true' } })
    expect(await status(gateway, { authorization: `Bearer ${TEST_TOKEN}` })).toBe(200)
    expect(gateway.requestLines()[0]).toMatchObject({ client: 'alice' })
  })
})

describe('a client of the YAML', () => {
  const token = 'ks-test-bob'
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
  const yaml = (rest: string): string =>
    `clients:\n  - id: bob\n    tokenHash: sha256:${hashClientToken(token).toString('hex')}\n    ${rest}\n`
  const post = (gateway: Gateway, path: string, body: string, type = 'application/json') =>
    gateway.fetch(path, { method: 'POST', headers: { ...headers, 'content-type': type }, body })

  it('may use its models and no others', async () => {
    const gateway = await start({ yaml: yaml('models: [gpt-4*, gpt-3.5-turbo]') })
    const chat = (body: string, type?: string) => post(gateway, '/v1/chat/completions', body, type)
    expect((await chat('{"model":"gpt-4-0613"}')).status).toBe(200)
    expect((await chat('{"model":"gpt-3.5-turbo"}')).status).toBe(200)
    const refused = await chat('{"model":"gpt-3.5-turbo-16k"}')
    expect(refused.status).toBe(403)
    expect(await refused.json()).toMatchObject({ error: { code: 'not_allowed', param: 'model' } })
    expect((await chat('{"messages":[]}')).status).toBe(403)
    expect((await chat('{"model":"o1"}', 'text/plain')).status).toBe(403)
    expect((await chat('{"\\u006dodel":"o1"}')).status).toBe(403)
    expect((await chat('{"model":"gpt-4","model":"o1"}')).status).toBe(400)
    expect((await chat('{"model":"gpt-4","Model":"o1"}')).status).toBe(400)
    expect((await post(gateway, '/mj/submit/imagine', '{"prompt":"x"}')).status).toBe(403)
  })

  it('may use its models in multipart too', async () => {
    const gateway = await start({ yaml: yaml('models: [whisper-1]') })
    const part = (name: string, value: string): string =>
      `--x\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`
    const send = async (body: string): Promise<number> => {
      const type = 'multipart/form-data; boundary=x'
      return (await post(gateway, '/v1/audio/transcriptions', `${body}--x--\r\n`, type)).status
    }
    expect(await send(part('model', 'whisper-1') + part('file', 'abc'))).toBe(200)
    expect(await send(part('file', 'abc') + part('model', 'gpt-4o-transcribe'))).toBe(403)
    expect(await send(part('model', 'whisper-1') + part('model', 'other'))).toBe(400)
    expect(await send(part('file', 'abc'))).toBe(403)
  })

  it('may use its paths and no others', async () => {
    const gateway = await start({ yaml: yaml('paths: [/v1/chat, /v1/models]') })
    expect((await gateway.fetch('/v1/models', { headers })).status).toBe(200)
    expect((await post(gateway, '/v1/chat/completions', '{"model":"m"}')).status).toBe(200)
    expect((await post(gateway, '/v1/embeddings', '{"model":"m"}')).status).toBe(403)
    expect((await gateway.fetch('/v1/modelsx', { headers })).status).toBe(403)
  })

  it('has limits of its own', async () => {
    const gateway = await start({ yaml: yaml('rateLimitPerMinute: 1') })
    expect((await gateway.fetch('/v1/models', { headers })).status).toBe(200)
    expect((await gateway.fetch('/v1/models', { headers })).status).toBe(429)
    expect((await gateway.fetch('/v1/models')).status).toBe(200)
  })
})
