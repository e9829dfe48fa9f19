import { setTimeout as wait } from 'node:timers/promises'

import { describe, expect, it } from 'vitest'

import { startGateway } from '../helpers/gateway.ts'
import { collectSse, readSse } from '../helpers/sse.ts'
import { startUpstream } from '../helpers/upstream.ts'

const DELTA = 'data: {"choices":[{"delta":{"content":"你"},"finish_reason":null}]}\n\n'
const END = 'data: {"choices":[{"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'

const STREAM_REQUEST = {
  method: 'POST',
  headers: { 'content-type': 'application/json' },
  body: '{"model":"gpt-4","stream":true}',
}

describe('a stream', () => {
  it('delivers each event before the upstream sends the next', async () => {
    let sendNext = (): void => {}
    const upstream = await startUpstream((_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      sendNext = () => response.write(DELTA)
      sendNext()
    })
    const gateway = await startGateway({ upstream: upstream.origin })
    const response = await gateway.fetch('/v1/chat/completions', STREAM_REQUEST)
    let received = 0
    for await (const { data } of readSse(response)) {
      expect(data).toContain('你')
      if (++received === 5) break
      sendNext()
    }
    expect(received).toBe(5)
  })

  it('sends the head before there is a body', async () => {
    const upstream = await startUpstream((_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders()
    })
    const gateway = await startGateway({ upstream: upstream.origin })
    const response = await gateway.fetch('/v1/chat/completions', STREAM_REQUEST)
    expect(response.status).toBe(200)
    expect(response.headers.get('content-type')).toBe('text/event-stream')
    expect(response.headers.get('x-accel-buffering')).toBe('no')
    expect(response.headers.get('cache-control')).toBe('no-cache, no-transform')
    await response.body?.cancel()
  })

  it.each(['data: {"choices":[{"del', '\u{feff}', Buffer.from('你').subarray(0, 1)])(
    'does not keep the head back when the first event is cut (%j)',
    async (bytes) => {
      const upstream = await startUpstream((_request, response) => {
        response.writeHead(200, { 'content-type': 'text/event-stream' }).write(bytes)
      })
      const gateway = await startGateway({
        upstream: upstream.origin,
        env: { SSE_HEARTBEAT_MS: '0' },
      })
      const response = await gateway.fetch('/v1/chat/completions', STREAM_REQUEST)
      expect(response.status).toBe(200)
      await response.body?.cancel()
      await upstream.received[0]?.closed
    },
  )

  it('delivers an event in one piece with its data, and before its empty line', async () => {
    const [first, second, rest] = [DELTA.slice(0, 30), DELTA.slice(30, -2), '\n\n']
    let goOn = (): void => {}
    const upstream = await startUpstream(async (_request, response) => {
      response
        .writeHead(200, { 'content-type': 'text/event-stream' })
        .write(`${DELTA}: ping\n${first}`)
      await new Promise<void>((resolve) => (goOn = resolve))
      response.write(second)
      await new Promise<void>((resolve) => (goOn = resolve))
      response.end(rest + END)
    })
    const gateway = await startGateway({ upstream: upstream.origin })
    const response = await gateway.fetch('/v1/chat/completions', STREAM_REQUEST)
    const chunks: string[] = []
    for await (const chunk of response.body ?? []) {
      chunks.push(Buffer.from(chunk).toString())
      goOn()
    }
    expect(chunks.slice(0, 2)).toEqual([`${DELTA}: ping\n`, first + second])
    expect(chunks.join('')).toBe(`${DELTA}: ping\n${DELTA}${END}`)
  })

  it('passes an upstream’s bytes through unchanged', async () => {
    const bytes = `: hello\r\n\r\n${DELTA}event: x\r\ndata: 1\r\n\r\n${END}`
    const upstream = await startUpstream((_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8' }).end(bytes)
    })
    const gateway = await startGateway({ upstream: upstream.origin })
    const response = await gateway.fetch('/v1/chat/completions', STREAM_REQUEST)
    expect(response.headers.get('content-type')).toBe('text/event-stream; charset=utf-8')
    expect(await response.text()).toBe(bytes)
  })

  it.each([
    ['an event that waits for its rest', '/v1/chat/completions', 0],
    ['an event that is too long to wait', '/v1/chat/completions', 80 * 1024],
    ['a stream of no known form', '/v1/messages', 0],
  ])(
    'never cuts a character in two where the upstream does, in %s',
    async (_what, path, length) => {
      const head = Buffer.from(`data: {"choices":[{"delta":{"content":"${'-'.repeat(length)}`)
      const bytes = Buffer.from(`你好😀é"}}]}\n\n${END}`)
      const upstream = await startUpstream(async (_request, response) => {
        response.writeHead(200, { 'content-type': 'text/event-stream' }).write(head)
        await wait(5)
        for (const byte of bytes) {
          response.write(Buffer.from([byte]))
          await wait(1)
        }
        response.end()
      })
      const gateway = await startGateway({ upstream: upstream.origin })
      const response = await gateway.fetch(path, STREAM_REQUEST)
      let text = ''
      // Each chunk alone, the way two of the chat UIs decode.
      for await (const chunk of response.body ?? []) text += new TextDecoder().decode(chunk)
      expect(text).toBe(Buffer.concat([head, bytes]).toString())
    },
  )

  it('reads a stream that came in one piece', async () => {
    const upstream = await startUpstream((_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' }).end(DELTA.repeat(100) + END)
    })
    const gateway = await startGateway({ upstream: upstream.origin })
    const response = await gateway.fetch('/v1/chat/completions', STREAM_REQUEST)
    expect(await collectSse(response)).toHaveLength(102)
  })

  it('passes one event of several megabytes', async () => {
    const event = `data: {"b64_json":"${'A'.repeat(5_000_000)}"}\n\n`
    const upstream = await startUpstream((_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' }).end(event + END)
    })
    const gateway = await startGateway({ upstream: upstream.origin })
    const response = await gateway.fetch('/v1/chat/completions', STREAM_REQUEST)
    expect(await response.text()).toBe(event + END)
  })
})
