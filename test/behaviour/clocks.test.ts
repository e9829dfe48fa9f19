import { setTimeout as wait } from 'node:timers/promises'
import { gzipSync } from 'node:zlib'

import { describe, expect, it } from 'vitest'

import { type Gateway, startGateway } from '../helpers/gateway.ts'
import { startRawUpstream } from '../helpers/raw-upstream.ts'
import { collectSse } from '../helpers/sse.ts'
import { startUpstream } from '../helpers/upstream.ts'

const STREAM_REQUEST = {
  method: 'POST',
  headers: { 'content-type': 'application/json' },
  body: '{"model":"gpt-4","stream":true}',
}
const DELTA = 'data: {"choices":[{"delta":{"content":"a"},"finish_reason":null}]}\n\n'
const END = 'data: {"choices":[{"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
/** Too long to wait for its end. */
const LONG_EVENT = `data: {"a":"${'x'.repeat(200_000)}"}\n\n`

describe('the clocks', () => {
  it('answer 504 when the upstream does not begin in time', async () => {
    const upstream = await startUpstream(() => {})
    const gateway = await startGateway({
      upstream: upstream.origin,
      env: { UPSTREAM_FIRST_BYTE_TIMEOUT_MS: '100' },
    })
    const response = await gateway.fetch('/v1/chat/completions', STREAM_REQUEST)
    expect(response.status).toBe(504)
    expect(await response.json()).toMatchObject({
      error: { code: 'upstream_timeout', type: 'server_error' },
    })
    await upstream.received[0]?.closed
  })

  it('answer 504 when a connection to the upstream is not made in time', async () => {
    // Takes connections and never answers the TLS handshake.
    const upstream = await startRawUpstream({ onRequest() {} })
    const gateway = await startGateway({
      upstream: upstream.origin.replace('http:', 'https:'),
      env: { UPSTREAM_CONNECT_TIMEOUT_MS: '300' },
    })
    // undici has a clock of 10 s of its own, which is not the one that was set.
    const signal = AbortSignal.timeout(6000)
    const response = await gateway.fetch('/v1/chat/completions', { ...STREAM_REQUEST, signal })
    expect(response.status).toBe(504)
    expect(await response.json()).toMatchObject({ error: { code: 'upstream_timeout' } })
    expect(await gateway.waitForLine(() => true)).toMatchObject({
      status: 504,
      error: 'upstream_timeout',
      err: { cause: { code: 'UND_ERR_CONNECT_TIMEOUT' } },
    })
    expect(upstream.sockets).toHaveLength(1)
    await expect.poll(() => upstream.sockets[0]?.closed, { timeout: 5000 }).toBe(true)
  })

  it('end a stream that fell silent with an error event', async () => {
    const upstream = await startUpstream((_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' }).write(DELTA)
    })
    const gateway = await startGateway({
      upstream: upstream.origin,
      env: { UPSTREAM_IDLE_TIMEOUT_MS: '150', SSE_HEARTBEAT_MS: '0' },
    })
    const events = await collectSse(await gateway.fetch('/v1/chat/completions', STREAM_REQUEST))
    expect(events.map(({ data }) => data)).toEqual([
      DELTA.slice('data: '.length).trim(),
      expect.stringContaining('"code":"upstream_timeout"'),
      '[DONE]',
    ])
    await upstream.received[0]?.closed
  })

  it('break off an answer in one piece that fell silent', async () => {
    const upstream = await startUpstream((_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json' }).write('{"id":')
    })
    const gateway = await startGateway({
      upstream: upstream.origin,
      env: { UPSTREAM_IDLE_TIMEOUT_MS: '100' },
    })
    const response = await gateway.fetch('/v1/chat/completions', STREAM_REQUEST)
    await expect(response.text()).rejects.toThrow('terminated')
  })

  it('let a stream live on as long as events come', async () => {
    const upstream = await startUpstream(async (_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      for (let i = 0; i < 10; i++) {
        response.write(DELTA)
        await wait(60)
      }
      response.end(END)
    })
    const gateway = await startGateway({
      upstream: upstream.origin,
      env: { UPSTREAM_IDLE_TIMEOUT_MS: '400', UPSTREAM_FIRST_BYTE_TIMEOUT_MS: '400' },
    })
    const events = await collectSse(await gateway.fetch('/v1/chat/completions', STREAM_REQUEST))
    expect(events.at(-1)?.data).toBe('[DONE]')
    expect(events).toHaveLength(12)
  })

  it('do not run while a slow upload is on its way', async () => {
    const upstream = await startUpstream((_request, response) => {
      response.setHeader('content-type', 'application/json')
      response.end('{}')
    })
    const gateway = await startGateway({
      upstream: upstream.origin,
      env: { UPSTREAM_FIRST_BYTE_TIMEOUT_MS: '150' },
    })
    const body = new ReadableStream({
      async start(controller) {
        for (let i = 0; i < 5; i++) {
          controller.enqueue(Buffer.from('x'))
          await wait(80)
        }
        controller.close()
      },
    })
    const headers = { 'content-type': 'application/octet-stream' }
    const init = { method: 'POST', headers, body, duplex: 'half' } as const
    expect((await gateway.fetch('/v1/audio/speech', init)).status).toBe(200)
  })
})

describe('the heart-beat', () => {
  it('writes comment lines while a stream is silent, and leaves its events as they are', async () => {
    const upstream = await startUpstream(async (_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.write(DELTA)
      await wait(400)
      response.end(END)
    })
    const gateway = await startGateway({
      upstream: upstream.origin,
      env: { SSE_HEARTBEAT_MS: '60' },
    })
    const response = await gateway.fetch('/v1/chat/completions', STREAM_REQUEST)
    const text = await response.text()
    expect(text.match(/^: keep-alive$/gm)?.length).toBeGreaterThanOrEqual(2)
    expect(text.replaceAll(': keep-alive\n\n', '')).toBe(DELTA + END)
  })

  it('begins before the first event', async () => {
    const upstream = await startUpstream(async (_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders()
      await wait(200)
      response.end(END)
    })
    const gateway = await startGateway({
      upstream: upstream.origin,
      env: { SSE_HEARTBEAT_MS: '50' },
    })
    const response = await gateway.fetch('/v1/chat/completions', STREAM_REQUEST)
    expect(await response.text()).toMatch(/^: keep-alive\n\n/)
  })

  it.each([
    ['of a known form', '/v1/chat/completions', LONG_EVENT],
    ['of none', '/v1/images/generations', DELTA],
  ])('never falls into the middle of an event that has begun (%s)', async (_form, path, event) => {
    const half = Math.floor(event.length / 2)
    const upstream = await startUpstream(async (_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.write(event.slice(0, half))
      await wait(300)
      response.end(event.slice(half) + END)
    })
    const gateway = await startGateway({
      upstream: upstream.origin,
      env: { SSE_HEARTBEAT_MS: '50' },
    })
    const response = await gateway.fetch(path, STREAM_REQUEST)
    expect(await response.text()).toBe(event + END)
  })

  it.each([
    ['silent', 1],
    ['slow', 10],
  ])('stands before an event whose rest is %s', async (_how, pieces) => {
    const upstream = await startUpstream(async (_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.write(DELTA + DELTA.slice(0, 20))
      for (let i = 0; i < pieces; i++) {
        await wait(300 / pieces)
        response.write(DELTA.slice(20 + i, 21 + i))
      }
      response.end(DELTA.slice(20 + pieces) + END)
    })
    const gateway = await startGateway({
      upstream: upstream.origin,
      env: { SSE_HEARTBEAT_MS: '100' },
    })
    const response = await gateway.fetch('/v1/chat/completions', STREAM_REQUEST)
    const text = await response.text()
    expect(text.startsWith(`${DELTA}: keep-alive\n\n`)).toBe(true)
    expect(text.replaceAll(': keep-alive\n\n', '')).toBe(DELTA + DELTA + END)
  })

  it.each([
    ['a stream of no known family', '/v1/images/generations', {}, true],
    [
      'a stream that came compressed',
      '/v1/chat/completions',
      { 'content-encoding': 'gzip' },
      false,
    ],
  ])('in %s', async (_what, path, headers, isExpected) => {
    const upstream = await startUpstream(async (_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream', ...headers }).flushHeaders()
      await wait(200)
      response.end(gzipSync('data: 1\n\n'))
    })
    const gateway = await startGateway({
      upstream: upstream.origin,
      env: { SSE_HEARTBEAT_MS: '50' },
    })
    const bytes = await readBytes(gateway, path)
    expect(bytes.includes(': keep-alive\n\n')).toBe(isExpected)
  })

  it('keeps out of answers that are no stream', async () => {
    const upstream = await startUpstream(async (_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json' }).write('{"a":')
      await wait(200)
      response.end('1}')
    })
    const gateway = await startGateway({
      upstream: upstream.origin,
      env: { SSE_HEARTBEAT_MS: '50' },
    })
    const response = await gateway.fetch('/v1/chat/completions', STREAM_REQUEST)
    expect(await response.text()).toBe('{"a":1}')
  })
})

/** The bytes of an answer as they came; `fetch` would decode them. */
function readBytes(gateway: Gateway, path: string): Promise<Buffer> {
  const socket = gateway.connect()
  const chunks: Buffer[] = []
  socket.on('data', (chunk: Buffer) => chunks.push(chunk))
  socket.write(
    `POST ${path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${gateway.token}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`,
  )
  return new Promise((resolve) => socket.once('close', () => resolve(Buffer.concat(chunks))))
}
