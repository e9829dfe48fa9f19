import { once } from 'node:events'

import { describe, expect, it } from 'vitest'

import { type Gateway, startGateway } from '../helpers/gateway.ts'
import { openRaw, type RawConnection, rawRequest } from '../helpers/raw.ts'
import { redisServer, startRedis } from '../helpers/redis.ts'
import {
  echo,
  type Handler,
  startServer,
  startUpstream,
  type Upstream,
} from '../helpers/upstream.ts'

// A request whose client has left runs on upstream, is billed, and holds a connection: send a thousand, leave at once,
// and the operator pays for a thousand answers that nobody reads. Whatever way a client leaves, at whatever moment,
// its request upstream ends with it; or does not begin.

const JSON_BODY = { head: 'content-type: application/json\r\ncontent-length: 2\r\n', body: '{}' }
const POST = rawRequest('POST', '/v1/chat/completions', JSON_BODY)

const hang: Handler = () => {}

const beginStream: Handler = (_request, response) => {
  response.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: {}\n\n')
}

const beginBody: Handler = (_request, response) => {
  response.writeHead(200, { 'content-type': 'application/json' }).write('{"a":')
}

const WAYS: readonly [way: string, leave: (client: RawConnection) => void][] = [
  ['closes', ({ socket }) => socket.destroy()],
  ['resets', ({ socket }) => socket.resetAndDestroy()],
  // It could still read, but says no more: that it is there cannot be told from its having gone.
  ['half-closes', ({ socket }) => socket.end()],
]

const MOMENTS: readonly [moment: string, handler: Handler][] = [
  ['before the answer begins', hang],
  ['within a stream', beginStream],
  ['within an answer in one piece', beginBody],
]

const VERSIONS = ['HTTP/1.1', 'HTTP/1.0'] as const

const CASES = WAYS.flatMap(([way, leave]) =>
  MOMENTS.flatMap(([moment, handler]) =>
    VERSIONS.map((version) => ({ way, moment, version, leave, handler })),
  ),
)

async function untilReceived(upstream: Upstream, count: number): Promise<void> {
  while (upstream.received.length < count) await new Promise((resolve) => setTimeout(resolve, 5))
}

async function untilLogged(gateway: Gateway, count: number): Promise<void> {
  await gateway.waitForLine(() => gateway.requestLines().length >= count)
}

describe('a client that leaves', () => {
  it.each(CASES)(
    '($way, $moment, $version) ends its request upstream',
    async ({ handler, leave, version }) => {
      const upstream = await startUpstream(handler)
      const gateway = await startGateway({ upstream: upstream.origin })
      const client = openRaw(gateway)
      client.send(POST.replace('HTTP/1.1', version))
      await untilReceived(upstream, 1)
      if (handler !== hang && client.text() === '') await once(client.socket, 'data')
      leave(client)
      await upstream.received[0]?.closed
      expect(await gateway.waitForLine(() => true)).toMatchObject({
        status: 499,
        ending: 'cancelled',
      })
    },
  )

  it.each(WAYS)('(%s, thirty at once) ends them all', async (_way, leave) => {
    const upstream = await startUpstream((request, response) =>
      [hang, beginStream, beginBody][upstream.received.length % 3]?.(request, response),
    )
    const gateway = await startGateway({
      upstream: upstream.origin,
      env: { CONCURRENCY_LIMIT: '30' },
    })
    for (let round = 1; round <= 2; round++) {
      const clients = Array.from({ length: 30 }, () => openRaw(gateway))
      for (const client of clients) client.send(POST)
      await untilReceived(upstream, 30 * round)
      for (const client of clients) leave(client)
      await Promise.all(upstream.received.map(({ closed }) => closed))
      await untilLogged(gateway, 30 * round)
    }
    expect(gateway.requestLines().every(({ status }) => status === 499)).toBe(true)
  })

  it.each(WAYS)('(%s, while it waits for a connection) never has one', async (_way, leave) => {
    const upstream = await startUpstream((request, response) =>
      request.message.url === '/v1/first' ? undefined : echo(request, response),
    )
    const gateway = await startGateway({
      upstream: upstream.origin,
      env: { UPSTREAM_CONNECTIONS: '1' },
    })
    const first = openRaw(gateway)
    first.send(rawRequest('GET', '/v1/first'))
    await untilReceived(upstream, 1)
    const clients = Array.from({ length: 10 }, () => openRaw(gateway))
    for (const client of clients) client.send(rawRequest('GET', '/v1/abandoned'))
    await gateway.metrics.inFlight.get()
    while ((await gateway.metrics.inFlight.get()).values[0]?.value !== 11) {
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
    for (const client of clients) leave(client)
    await untilLogged(gateway, 10)
    first.socket.destroy()
    const response = await gateway.fetch('/v1/next')
    expect(response.status).toBe(200)
    expect(upstream.received.map(({ message }) => message.url)).toEqual(['/v1/first', '/v1/next'])
  })

  it.each(WAYS)(
    '(%s, with a pipelined request behind) ends the one and never begins the other',
    async (_way, leave) => {
      const upstream = await startUpstream(hang)
      const gateway = await startGateway({ upstream: upstream.origin })
      const client = openRaw(gateway)
      client.send(POST + POST)
      await untilReceived(upstream, 1)
      leave(client)
      await upstream.received[0]?.closed
      await untilLogged(gateway, 1)
      expect(upstream.received).toHaveLength(1)
      expect((await gateway.metrics.inFlight.get()).values).toMatchObject([{ value: 0 }])
    },
  )

  it.each(WAYS)('(%s, while it does not read) ends its request upstream', async (_way, leave) => {
    const upstream = await startUpstream((_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      const send = (): void => {
        while (response.write(`data: ${'x'.repeat(65_536)}\n\n`));
        response.once('drain', send)
      }
      send()
    })
    const gateway = await startGateway({ upstream: upstream.origin })
    const client = openRaw(gateway)
    client.send(POST)
    client.socket.pause()
    await untilReceived(upstream, 1)
    await new Promise((resolve) => setTimeout(resolve, 300))
    leave(client)
    await upstream.received[0]?.closed
    expect(upstream.received).toHaveLength(1)
  })

  it('(resets as soon as it has sent, two hundred times) leaves nothing behind', async () => {
    const upstream = await startUpstream(hang)
    const gateway = await startGateway({
      upstream: upstream.origin,
      // A reset takes the address from the socket, and whoever asks for it then.
      env: { OPEN_ACCESS: 'true', CLIENT_TOKENS: '', TRUST_PROXY: '127.0.0.1' },
    })
    for (let i = 0; i < 200; i++) {
      const client = openRaw(gateway)
      client.socket.write(POST, () => client.socket.resetAndDestroy())
      if (i % 20 === 0) await once(client.socket, 'close')
    }
    await new Promise((resolve) => setTimeout(resolve, 300))
    while ((await gateway.metrics.inFlight.get()).values[0]?.value !== 0) {
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
    await Promise.all(upstream.received.map(({ closed }) => closed))
    expect(gateway.log()).not.toContain('address:unknown')
    expect((await fetch(`${gateway.origin}/healthz`)).status).toBe(200)
  })

  it('(closes, while it sends an upload the upstream does not read) ends it', async () => {
    const upstream = await startUpstream(hang)
    const gateway = await startGateway({ upstream: upstream.origin })
    const client = openRaw(gateway)
    const head = 'content-type: audio/mpeg\r\ncontent-length: 1000000\r\n'
    client.send(rawRequest('POST', '/v1/audio/transcriptions', { head, body: 'x' }))
    await new Promise((resolve) => setTimeout(resolve, 100))
    client.socket.destroy()
    expect(await gateway.waitForLine(() => true)).toMatchObject({ status: 499 })
  })

  it.each(['/healthz', '/nope', '/v1/files'])(
    'gets what needs nothing of the upstream (%s) when it only half-closed',
    async (path) => {
      const upstream = await startUpstream(hang)
      const gateway = await startGateway({ upstream: upstream.origin })
      const client = openRaw(gateway)
      client.socket.end(rawRequest('GET', path))
      expect(await client.untilClosed()).toHaveLength(1)
    },
  )
})

describe.skipIf(redisServer === undefined)('a client that leaves while Redis is asked', () => {
  const UPLOAD = rawRequest('POST', '/v1/audio/transcriptions', {
    head: 'content-type: audio/mpeg\r\ncontent-length: 1\r\n',
    body: 'x',
  })
  it.each(
    WAYS.flatMap(([way, leave]) => [
      { way, what: 'no body', leave, bytes: rawRequest('GET', '/v1/models') },
      { way, what: 'JSON', leave, bytes: POST },
      { way, what: 'an upload', leave, bytes: UPLOAD },
    ]),
  )('($way, with $what) begins nothing upstream', async ({ leave, bytes }) => {
    const redis = await startRedis()
    const connections = new Set<unknown>()
    const upstream = await startServer((message) => connections.add(message.socket))
    const gateway = await startGateway({
      upstream,
      env: { REDIS_URL: redis.url, RATE_LIMIT_PER_MINUTE: '100' },
    })
    while ((await fetch(`${gateway.origin}/readyz`)).status !== 200);
    await redis.command('CLIENT', 'PAUSE', '500', 'ALL')
    const client = openRaw(gateway)
    client.send(bytes)
    while ((await gateway.metrics.inFlight.get()).values[0]?.value !== 1) {
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
    leave(client)
    await gateway.waitForLine(({ status, route }) => status === 499 && route === 'v1')
    // Long enough for the answer of Redis.
    await new Promise((resolve) => setTimeout(resolve, 800))
    expect(connections.size).toBe(0)
  })
})
