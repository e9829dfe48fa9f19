import { type IncomingMessage, request } from 'node:http'

import { describe, expect, it } from 'vitest'

import { startGateway, TEST_CREDENTIAL, TEST_TOKEN } from '../helpers/gateway.ts'
import { type Echo, echo, readEcho, startUpstream, type Upstream } from '../helpers/upstream.ts'

describe('forwarding', () => {
  it('injects the credential and leaves the client token behind', async () => {
    const upstream = await startUpstream(echo)
    const gateway = await startGateway({ upstream: upstream.origin })
    await gateway.fetch('/v1/models')
    const { headers } = receivedBy(upstream)
    expect(headers['authorization']).toBe(`Bearer ${TEST_CREDENTIAL}`)
    expect(JSON.stringify(headers)).not.toContain(TEST_TOKEN)
  })

  it.each(['authorization', 'mj-api-secret', 'api-key', 'x-api-key'])(
    'takes the client token from %s and does not pass it on',
    async (name) => {
      const upstream = await startUpstream(echo)
      const gateway = await startGateway({ upstream: upstream.origin })
      const value = name === 'authorization' ? `Bearer ${TEST_TOKEN}` : TEST_TOKEN
      const response = await fetch(`${gateway.origin}/mj/task/1/fetch`, {
        headers: { [name]: value },
      })
      expect(response.status).toBe(200)
      const { headers } = receivedBy(upstream)
      expect(headers['mj-api-secret']).toBe(TEST_CREDENTIAL)
      expect(headers['authorization']).toBe(`Bearer ${TEST_CREDENTIAL}`)
      expect(JSON.stringify(headers)).not.toContain(TEST_TOKEN)
    },
  )

  it('passes a JSON body on byte for byte', async () => {
    const upstream = await startUpstream(echo)
    const gateway = await startGateway({ upstream: upstream.origin })
    const body = '{ "model":"gpt-4",\n\t"id": 17320000000000000001, "x": 1.0, "s": "\\u4f60" }'
    const response = await gateway.fetch('/v1/chat/completions', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body,
    })
    expect((await readEcho(response)).body).toBe(body)
  })

  it('passes ids above 2^53 back digit for digit', async () => {
    const upstream = await startUpstream((_request, response) => {
      response.setHeader('content-type', 'application/json')
      response.end('{"result":17320000000000000001}')
    })
    const gateway = await startGateway({ upstream: upstream.origin })
    const response = await gateway.fetch('/mj/submit/imagine', { method: 'POST', body: '{}' })
    expect(await response.text()).toBe('{"result":17320000000000000001}')
  })

  it('takes a chunked body without a length', async () => {
    const upstream = await startUpstream(echo)
    const gateway = await startGateway({ upstream: upstream.origin })
    const answer = await send(gateway.port, 'POST', '/v1/chat/completions', {
      headers: { 'content-type': 'application/json', 'transfer-encoding': 'chunked' },
      chunks: ['{"model":', '"gpt-4"}'],
    })
    expect(answer.body).toBe('{"model":"gpt-4"}')
  })

  it('streams multipart on as it comes, boundary and all', async () => {
    const upstream = await startUpstream(echo)
    const gateway = await startGateway({ upstream: upstream.origin })
    const body =
      '--xyz\r\nContent-Disposition: form-data; name="file"; filename="a.bin"\r\n\r\n\u0001\u0002\r\n--xyz--\r\n'
    const answer = await send(gateway.port, 'POST', '/v1/audio/transcriptions', {
      headers: { 'content-type': 'multipart/form-data; boundary=xyz' },
      chunks: [body.slice(0, 20), body.slice(20)],
    })
    expect(answer.body).toBe(body)
    expect(answer.headers['content-type']).toBe('multipart/form-data; boundary=xyz')
  })

  it('passes application/sdp on', async () => {
    const upstream = await startUpstream(echo)
    const gateway = await startGateway({ upstream: upstream.origin })
    const answer = await send(gateway.port, 'POST', '/v1/realtime/calls', {
      headers: { 'content-type': 'application/sdp' },
      chunks: ['v=0\r\n'],
    })
    expect(answer.body).toBe('v=0\r\n')
    expect(answer.headers['content-type']).toBe('application/sdp')
  })

  it('drops the two bytes of body that some clients send with a GET', async () => {
    const upstream = await startUpstream(echo)
    const gateway = await startGateway({ upstream: upstream.origin })
    const answer = await send(gateway.port, 'GET', '/mj/task/1/fetch', {
      headers: { 'content-type': 'application/json', 'content-length': '2' },
      chunks: ['{}'],
    })
    expect(answer.body).toBe('')
    expect(answer.headers).not.toHaveProperty('content-length')
  })

  it('answers Expect: 100-continue and keeps the header to itself', async () => {
    const upstream = await startUpstream(echo)
    const gateway = await startGateway({ upstream: upstream.origin })
    const answer = await send(gateway.port, 'POST', '/v1/chat/completions', {
      headers: {
        'content-type': 'application/json',
        expect: '100-continue',
        'content-length': '15',
      },
      chunks: ['{"model":"gpt"}'],
      waitForContinue: true,
    })
    expect(answer.body).toBe('{"model":"gpt"}')
    expect(answer.headers).not.toHaveProperty('expect')
  })

  it('sends nothing to the upstream that names the client', async () => {
    const upstream = await startUpstream(echo)
    const gateway = await startGateway({ upstream: upstream.origin })
    const answer = await send(gateway.port, 'POST', '/v1/chat/completions', {
      headers: {
        'content-type': 'application/json',
        connection: 'authorization, x-custom',
        cookie: 'session=1',
        forwarded: 'for=1.2.3.4',
        'openai-organization': 'org-other',
        origin: 'https://app.example.com',
        referer: 'https://app.example.com/page',
        'x-custom': '1',
        'x-forwarded-for': '1.2.3.4',
        'x-goog-api-key': 'abc',
        'x-ptoken': 'site-password',
        'x-stainless-lang': 'js',
        'x-uri': '/other',
      },
      chunks: ['{"model":"gpt-4"}'],
    })
    expect(Object.keys(answer.headers).toSorted()).toEqual([
      'accept-encoding',
      'authorization',
      'connection',
      'content-length',
      'content-type',
      'host',
      'x-stainless-lang',
    ])
    expect(receivedBy(upstream).headers.authorization).toBe(`Bearer ${TEST_CREDENTIAL}`)
  })

  it('keeps the upstream’s cookies, identity, hop-by-hop and CORS headers to itself', async () => {
    const upstream = await startUpstream((_request, response) => {
      response.writeHead(200, {
        'content-type': 'application/json',
        'set-cookie': 'account=1',
        server: 'cloudflare',
        'alt-svc': 'h3=":443"',
        'access-control-allow-origin': '*',
        'openai-organization': 'org',
        connection: 'keep-alive, x-hop',
        'x-hop': '1',
        'x-request-id': 'req_upstream',
        'openai-processing-ms': '12',
      })
      response.end('{}')
    })
    const gateway = await startGateway({ upstream: upstream.origin })
    const response = await gateway.fetch('/v1/models')
    const names = [...response.headers.keys()]
    for (const name of ['set-cookie', 'server', 'alt-svc', 'openai-organization', 'x-hop']) {
      expect(names).not.toContain(name)
    }
    expect(names).not.toContain('access-control-allow-origin')
    expect(response.headers.get('x-upstream-request-id')).toBe('req_upstream')
    expect(response.headers.get('x-request-id')).toMatch(/^req_[0-9a-f]{32}$/)
    expect(response.headers.get('openai-processing-ms')).toBe('12')
  })

  it('tells a client its own limit, not the account’s', async () => {
    const upstream = await startUpstream((_request, response) => {
      response.writeHead(200, {
        'x-ratelimit-limit-requests': '10000',
        'x-ratelimit-remaining-requests': '9999',
        'x-ratelimit-reset-requests': '6ms',
      })
      response.end('{}')
    })
    const env = { RATE_LIMIT_PER_MINUTE: '5' }
    const gateway = await startGateway({ upstream: upstream.origin, env })
    const { headers } = await gateway.fetch('/v1/models')
    expect(headers.get('x-ratelimit-limit-requests')).toBe('5')
    expect(headers.get('x-ratelimit-remaining-requests')).toBe('4')
    expect(headers.get('x-ratelimit-reset-requests')).toMatch(/^\d+s$/)
  })

  it('follows no redirect and names no other origin', async () => {
    const upstream = await startUpstream((_request, response) => {
      response.writeHead(307, { location: 'https://elsewhere.example/v1/models' }).end()
    })
    const gateway = await startGateway({ upstream: upstream.origin })
    const response = await gateway.fetch('/v1/models', { redirect: 'manual' })
    expect(response.status).toBe(307)
    expect(response.headers.get('location')).toBeNull()
    expect(upstream.received).toHaveLength(1)
  })

  it('does not ask again when the upstream answers 503', async () => {
    const upstream = await startUpstream((_request, response) => {
      response.writeHead(503, { 'retry-after': '1' }).end('busy')
    })
    const gateway = await startGateway({ upstream: upstream.origin })
    const response = await gateway.fetch('/v1/models')
    expect(response.status).toBe(503)
    expect(response.headers.get('retry-after')).toBe('1')
    expect(upstream.received).toHaveLength(1)
  })

  it('leaves the upstream’s HTML error page as it is', async () => {
    const page = '<html><body>502 Bad Gateway</body></html>'
    const upstream = await startUpstream((_request, response) => {
      response.writeHead(502, { 'content-type': 'text/html' }).end(page)
    })
    const gateway = await startGateway({ upstream: upstream.origin })
    const response = await gateway.fetch('/v1/models')
    expect(response.status).toBe(502)
    expect(response.headers.get('content-type')).toBe('text/html')
    expect(await response.text()).toBe(page)
  })

  it('answers HEAD without a body', async () => {
    const upstream = await startUpstream(echo)
    const gateway = await startGateway({ upstream: upstream.origin })
    const response = await gateway.fetch('/v1/models', { method: 'HEAD' })
    expect(response.status).toBe(200)
    expect(await response.text()).toBe('')
  })
})

/** The newest request of an upstream; the echo of a credential does not come through. */
function receivedBy({ received }: Upstream): IncomingMessage {
  const newest = received.at(-1)
  if (newest === undefined) throw new Error('the upstream received nothing')
  return newest.message
}

interface SendOptions {
  readonly headers: Readonly<Record<string, string>>
  readonly chunks: readonly string[]
  readonly waitForContinue?: boolean
}

/** Sends a request as written, which `fetch` would not, and reads the echo. */
function send(port: number, method: string, path: string, options: SendOptions): Promise<Echo> {
  return new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer ${TEST_TOKEN}`, ...options.headers }
    const outgoing = request({ port, host: '127.0.0.1', method, path, headers }, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('end', () => resolve(JSON.parse(Buffer.concat(chunks).toString())))
    })
    outgoing.on('error', reject)
    const writeBody = (): void => {
      for (const chunk of options.chunks) outgoing.write(chunk)
      outgoing.end()
    }
    if (options.waitForContinue === true) outgoing.on('continue', writeBody).flushHeaders()
    else writeBody()
  })
}
