import { once } from 'node:events'
import { setTimeout as wait } from 'node:timers/promises'

import { describe, expect, it } from 'vitest'

import { type Gateway, startGateway } from '../helpers/gateway.ts'
import { openRaw, rawRequest } from '../helpers/raw.ts'
import { startRawUpstream } from '../helpers/raw-upstream.ts'
import { startServer, startUpstream } from '../helpers/upstream.ts'

const MIB = 1024 * 1024
/** More than the kernels keep on the way. */
const LARGE = new Uint8Array(24 * MIB)

/** Takes connections, and nothing from them. */
async function startDeaf(env: Readonly<Record<string, string>>) {
  const upstream = await startRawUpstream({
    onRequest() {},
    onConnection: (socket) => socket.pause(),
  })
  return { upstream, gateway: await startGateway({ upstream: upstream.origin, env }) }
}

function upload(gateway: Gateway, body: NonNullable<RequestInit['body']>): Promise<Response> {
  const headers = { 'content-type': 'audio/mpeg' }
  const init = { method: 'POST', headers, body, duplex: 'half' } as const
  return gateway.fetch('/v1/audio/transcriptions', init)
}

describe('an upload', () => {
  it.each([
    ['with a length', () => LARGE],
    ['in chunks', () => new Blob([LARGE]).stream()],
  ])('(%s) that the upstream does not take is answered 504 and aborted', async (_how, body) => {
    const { upstream, gateway } = await startDeaf({ UPSTREAM_IDLE_TIMEOUT_MS: '300' })
    const response = await upload(gateway, body())
    expect(response.status).toBe(504)
    expect(await response.json()).toMatchObject({ error: { code: 'upstream_timeout' } })
    const [socket] = upstream.sockets
    socket?.resume()
    if (socket !== undefined && !socket.closed) await once(socket, 'close')
    expect(await gateway.waitForLine(() => true)).toMatchObject({
      status: 504,
      error: 'upstream_timeout',
    })
  })

  it('that waits for a connection is not kept waiting for ever', async () => {
    const upstream = await startServer(() => {})
    const env = { UPSTREAM_CONNECTIONS: '1', UPSTREAM_FIRST_BYTE_TIMEOUT_MS: '500' }
    const gateway = await startGateway({ upstream, env })
    const openStream = new ReadableStream({
      start: (controller) => controller.enqueue(new Uint8Array(10)),
    })
    // Its client is the one that is slow, and so it keeps its connection.
    const leave = new AbortController()
    const init = { method: 'POST', body: openStream, duplex: 'half', signal: leave.signal } as const
    const headers = { 'content-type': 'audio/mpeg' }
    const first = gateway.fetch('/v1/audio/translations', { ...init, headers })
    while ((await gateway.metrics.inFlight.get()).values[0]?.value !== 1) await wait(5)
    expect((await upload(gateway, 'x')).status).toBe(504)
    leave.abort()
    await expect(first).rejects.toThrow('aborted')
  })

  it('that its client sends slowly is not timed', async () => {
    const upstream = await startUpstream((_request, response) => response.end('{}'))
    const env = { UPSTREAM_IDLE_TIMEOUT_MS: '100', UPSTREAM_FIRST_BYTE_TIMEOUT_MS: '100' }
    const gateway = await startGateway({ upstream: upstream.origin, env })
    const client = openRaw(gateway)
    const head = 'content-type: audio/mpeg\r\ncontent-length: 6\r\n'
    client.send(rawRequest('POST', '/v1/audio/transcriptions', { head }))
    for (const byte of 'abcdef') {
      await wait(250)
      client.send(byte)
    }
    expect((await client.answers(1))[0]?.status).toBe(200)
  })

  it('that the upstream takes slowly is not timed', async () => {
    let taken = 0
    const upstream = await startServer((message, response) => {
      message.on('data', (chunk: Buffer) => {
        taken += chunk.length
        message.pause()
        setTimeout(() => message.resume(), 5)
      })
      message.on('end', () => response.end('{}'))
    })
    const gateway = await startGateway({ upstream, env: { UPSTREAM_IDLE_TIMEOUT_MS: '1000' } })
    const response = await upload(gateway, LARGE)
    expect([response.status, taken]).toEqual([200, LARGE.length])
  })
})
