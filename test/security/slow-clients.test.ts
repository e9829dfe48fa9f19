import { once } from 'node:events'

import { describe, expect, it, onTestFinished } from 'vitest'

import { type Gateway, startGateway } from '../helpers/gateway.ts'
import { openRaw, rawRequest, type RawConnection } from '../helpers/raw.ts'
import { echo, startUpstream } from '../helpers/upstream.ts'

// A client that says little and slowly holds a connection, a place in flight or a connection to the upstream for as
// long as it likes: a head that never ends (slowloris), a body byte by byte, an answer that is never read. Fastify
// has no time limit for a body by itself: measured, half a body is still open after five minutes. Each has a clock.

/** Says another byte now and then, so that no clock of silence can help. */
function drip(client: RawConnection, text: string): void {
  const timer = setInterval(() => client.socket.writable && client.send(text), 50)
  onTestFinished(() => clearInterval(timer))
}

async function start(env: Readonly<Record<string, string>>) {
  const upstream = await startUpstream(echo)
  const gateway = await startGateway({ upstream: upstream.origin, env })
  return { upstream, gateway, client: openRaw(gateway) }
}

async function expectServed(gateway: Gateway): Promise<void> {
  expect((await gateway.fetch('/v1/x')).status).toBe(200)
}

describe('a request that comes slowly', () => {
  it.each([
    ['the request line', 'GET /v1/x'],
    ['the headers', 'GET /v1/x HTTP/1.1\r\nhost: x\r\nx: '],
    ['the second request', `${rawRequest('GET', '/v1/x')}GET /v1/x`],
  ])('in %s is 408 after HEADER_TIMEOUT_MS', async (_where, bytes) => {
    const { client, gateway } = await start({ HEADER_TIMEOUT_MS: '300' })
    client.send(bytes)
    drip(client, 'y')
    const answer = (await client.untilClosed()).at(-1)
    expect(answer?.status).toBe(408)
    expect(JSON.parse(answer?.body ?? '')).toMatchObject({ error: { code: 'request_timeout' } })
    await expectServed(gateway)
  })

  it.each([
    ['JSON', 'content-type: application/json\r\ncontent-length: 1000\r\n', '{"a":"', 'x'],
    ['an upload', 'content-type: audio/mpeg\r\ncontent-length: 1000\r\n', 'x', 'x'],
    ['chunks', 'transfer-encoding: chunked\r\n', '1\r\n"\r\n', '1\r\nx\r\n'],
  ])('in its body (%s) is 408 after REQUEST_TIMEOUT_MS', async (_what, head, first, next) => {
    const { client, gateway, upstream } = await start({ REQUEST_TIMEOUT_MS: '400' })
    client.send(rawRequest('POST', '/v1/audio/transcriptions', { head, body: first }))
    drip(client, next)
    const answers = await client.untilClosed()
    expect(answers.map(({ status }) => status)).toEqual([408])
    expect(await gateway.waitForLine(() => true)).toMatchObject({ status: 408 })
    expect(upstream.received).toHaveLength(0)
    await expectServed(gateway)
  })

  it('by a client that may not call is not waited for', async () => {
    const { client } = await start({})
    const head = 'content-length: 1000\r\n'
    client.send(rawRequest('POST', '/v1/x', { head, body: 'x', token: 'wrong' }))
    expect((await client.untilClosed()).map(({ status }) => status)).toEqual([401])
  })

  it('not at all is closed without a word', async () => {
    const { client, gateway } = await start({ HEADER_TIMEOUT_MS: '300' })
    await once(client.socket, 'close')
    expect(client.text()).toBe('')
    await expectServed(gateway)
  })

  it('does not end an answer that takes longer than every clock', async () => {
    const upstream = await startUpstream((_request, response) => {
      setTimeout(() => response.end('{}'), 3000)
    })
    const env = {
      HEADER_TIMEOUT_MS: '200',
      REQUEST_TIMEOUT_MS: '200',
      CLIENT_WRITE_TIMEOUT_MS: '200',
    }
    const gateway = await startGateway({ upstream: upstream.origin, env })
    expect((await gateway.fetch('/v1/x')).status).toBe(200)
  })
})

describe('a connection without a request', () => {
  it('is closed after KEEP_ALIVE_TIMEOUT_MS, and says so beforehand', async () => {
    const { client } = await start({ KEEP_ALIVE_TIMEOUT_MS: '1000' })
    client.send(rawRequest('GET', '/v1/x'))
    const [answer] = await client.answers(1)
    expect(answer?.headers['keep-alive']).toBe('timeout=1')
    await once(client.socket, 'end')
  })

  it.each(['HTTP/1.1', 'HTTP/1.0'])(
    'is closed with the last of REQUESTS_PER_CONNECTION in %s, which says so',
    async (version) => {
      const { client } = await start({ REQUESTS_PER_CONNECTION: '3' })
      const request = rawRequest('GET', '/v1/x', { head: 'connection: keep-alive\r\n' })
      for (let i = 1; i <= 3; i++) {
        client.send(request.replace('HTTP/1.1', version))
        const answer = (await client.answers(i))[i - 1]
        expect(answer?.status).toBe(200)
        expect(answer?.headers['connection']).toBe(i < 3 ? 'keep-alive' : 'close')
      }
      expect(await client.untilClosed()).toHaveLength(3)
    },
  )
})

describe('an answer that is not read', () => {
  const CHUNK = `data: ${'x'.repeat(64 * 1024)}\n\n`

  async function startFlood(writeTimeoutMs: number) {
    const upstream = await startUpstream((_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      const send = (): void => {
        while (response.write(CHUNK));
        response.once('drain', send)
      }
      send()
    })
    const env = { CLIENT_WRITE_TIMEOUT_MS: String(writeTimeoutMs), CONCURRENCY_LIMIT: '1' }
    return { upstream, gateway: await startGateway({ upstream: upstream.origin, env }) }
  }

  it('is cut off after CLIENT_WRITE_TIMEOUT_MS, and so is its request upstream', async () => {
    const { upstream, gateway } = await startFlood(400)
    const client = openRaw(gateway)
    client.socket.pause()
    client.send(rawRequest('GET', '/v1/x'))
    const line = await gateway.waitForLine(() => true)
    expect(line).toMatchObject({ status: 499, ending: 'cancelled' })
    await upstream.received[0]?.closed
    const { values } = await gateway.metrics.cutConnections.get()
    expect(values).toMatchObject([{ labels: { reason: 'write_timeout' }, value: 1 }])
    // Its place is free again.
    const leave = new AbortController()
    expect((await gateway.fetch('/v1/x', { signal: leave.signal })).status).toBe(200)
    leave.abort()
  })

  it('is not cut off while it is read slowly', async () => {
    const { gateway } = await startFlood(2500)
    const client = openRaw(gateway)
    client.send(rawRequest('GET', '/v1/x'))
    // Several times as long as the clock, and never fast; the kernel lets go of what was read in large pieces.
    client.socket.on('data', () => {
      client.socket.pause()
      setTimeout(() => client.socket.resume(), 50)
    })
    for (let read = 0; read < 100; read++) await once(client.socket, 'data')
    expect(gateway.requestLines()).toHaveLength(0)
  })
})
