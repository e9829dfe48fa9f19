import { describe, expect, it } from 'vitest'

import { type Gateway, startGateway } from '../helpers/gateway.ts'
import { openRaw, rawRequest } from '../helpers/raw.ts'
import { echo, startUpstream } from '../helpers/upstream.ts'

// A limit is what its key is: another spelling of the path, another method, another way to hand over the token,
// another connection or an invented token must not be another key. @fastify/rate-limit counts behind authentication,
// so that guessing is free (54 of 54, measured), and its memory forgets a blocked client for 5,000 others.

const LIMIT = 5

async function start(env: Readonly<Record<string, string>> = {}) {
  const upstream = await startUpstream(echo)
  const gateway = await startGateway({
    upstream: upstream.origin,
    env: { RATE_LIMIT_PER_MINUTE: String(LIMIT), ...env },
  })
  return { upstream, gateway }
}

const countForwarded = (statuses: readonly number[]): number =>
  statuses.filter((status) => status !== 429).length

describe('the requests of a minute', () => {
  it.each([
    [
      'paths',
      [
        '/v1/models',
        '/models',
        '//v1/models',
        '/v1/v1/models',
        '/v1/%6dodels',
        '/v1/models/',
        '/v1/models?a=1',
        '/v1/models?b',
        '/v1/model%73',
      ],
    ],
    ['endpoints', ['/v1/a', '/v1/b', '/v1/c', '/mj/a', '/mj/b', '/fast/mj/a', '/v1/d', '/v1/e']],
  ])('are one count for all spellings of %s', async (_what, paths) => {
    const { gateway, upstream } = await start()
    const statuses = []
    for (const path of paths) statuses.push((await gateway.fetch(path)).status)
    expect(countForwarded(statuses)).toBe(LIMIT)
    expect(upstream.received).toHaveLength(LIMIT)
  })

  it('are one count for all methods', async () => {
    const { gateway, upstream } = await start()
    const statuses = []
    for (const method of ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'GET']) {
      statuses.push((await gateway.fetch('/v1/x', { method })).status)
    }
    expect(countForwarded(statuses)).toBe(LIMIT)
    // These are answered here, and spend nothing.
    for (const method of ['OPTIONS', 'PROPFIND']) {
      expect((await gateway.fetch('/v1/x', { method })).status).toBe(405)
    }
    expect(upstream.received).toHaveLength(LIMIT)
  })

  it('are one count for all ways to hand over the token', async () => {
    const { gateway, upstream } = await start()
    const { token } = gateway
    const ways = [
      { authorization: `Bearer ${token}` },
      { authorization: `bearer ${token}` },
      { authorization: token },
      { authorization: `Bearer nk-${token}` },
      { authorization: '', 'api-key': token },
      { authorization: '', 'x-api-key': token },
      { authorization: '', 'mj-api-secret': token },
    ]
    const statuses = []
    for (const headers of ways) statuses.push((await gateway.fetch('/v1/x', { headers })).status)
    expect(countForwarded(statuses)).toBe(LIMIT)
    expect(upstream.received).toHaveLength(LIMIT)
  })

  it('are one count for all connections at once', async () => {
    const { gateway, upstream } = await start()
    const clients = Array.from({ length: 40 }, () => openRaw(gateway))
    for (const client of clients) client.send(rawRequest('GET', '/v1/x'))
    const answers = await Promise.all(clients.map((client) => client.answers(1)))
    expect(countForwarded(answers.map(([answer]) => answer?.status ?? 0))).toBe(LIMIT)
    expect(upstream.received).toHaveLength(LIMIT)
  })

  it('are not given back for a request that was aborted or failed', async () => {
    const { gateway, upstream } = await start()
    for (let i = 0; i < LIMIT; i++) {
      const client = openRaw(gateway)
      client.send(rawRequest('POST', '/v1/x', { head: 'content-length: 10\r\n', body: 'x' }))
      await new Promise((resolve) => setTimeout(resolve, 20))
      client.socket.destroy()
    }
    expect((await gateway.fetch('/v1/x')).status).toBe(429)
    expect(upstream.received).toHaveLength(0)
  })
})

describe('invented tokens', () => {
  async function guess(gateway: Gateway, count: number): Promise<number[]> {
    return Promise.all(
      Array.from({ length: count }, async (_, index) => {
        const headers = { authorization: `Bearer ks-invented-${index}` }
        return (await gateway.fetch('/v1/x', { headers })).status
      }),
    )
  }

  it('cost their address, however many there are and whatever path they are for', async () => {
    const { gateway } = await start({
      AUTH_FAILURE_LIMIT_PER_MINUTE: '10',
      ADMIN_TOKEN: 'ks-test-admin',
    })
    expect((await guess(gateway, 54)).filter((status) => status === 401)).toHaveLength(10)
    for (const path of ['/v1/y', '/mj/z', '/metrics']) {
      const headers = { 'x-api-key': 'ks-invented', authorization: '' }
      expect((await gateway.fetch(path, { headers })).status).toBe(429)
    }
  })

  it('make nobody forget a client that is being limited', async () => {
    const { gateway, upstream } = await start()
    for (let i = 0; i < LIMIT; i++) await gateway.fetch('/v1/x')
    expect((await gateway.fetch('/v1/x')).status).toBe(429)
    await guess(gateway, 600)
    expect((await gateway.fetch('/v1/x')).status).toBe(429)
    expect(upstream.received).toHaveLength(LIMIT)
  })

  it('are one client with open access', async () => {
    const { gateway, upstream } = await start({ OPEN_ACCESS: 'true', CLIENT_TOKENS: '' })
    expect(countForwarded(await guess(gateway, 30))).toBe(LIMIT)
    expect(upstream.received).toHaveLength(LIMIT)
  })
})

describe('the places in flight', () => {
  it('are one count for all connections, and free only when an answer is over', async () => {
    const upstream = await startUpstream((_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: {}\n\n')
    })
    const gateway = await startGateway({
      upstream: upstream.origin,
      env: { CONCURRENCY_LIMIT: '4' },
    })
    const clients = Array.from({ length: 30 }, () => openRaw(gateway))
    // A pipelined second request waits for the first, and takes no place.
    for (const client of clients) client.send(rawRequest('GET', '/v1/x').repeat(2))
    const refused = clients.map(async (client) => {
      await new Promise((resolve) => client.socket.once('data', resolve))
      return client.text().startsWith('HTTP/1.1 429')
    })
    expect((await Promise.all(refused)).filter((isRefused) => !isRefused)).toHaveLength(4)
    expect(upstream.received).toHaveLength(4)
  })
})
