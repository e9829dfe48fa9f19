import { setTimeout as wait } from 'node:timers/promises'

import { describe, expect, it } from 'vitest'

import { startGateway } from '../helpers/gateway.ts'
import { collectSse } from '../helpers/sse.ts'
import { type Handler, startUpstream } from '../helpers/upstream.ts'

const DELTA = 'data: {"choices":[{"delta":{"content":"a"},"finish_reason":null}]}\n\n'
const FINISH = 'data: {"choices":[{"delta":{},"finish_reason": "stop"}]}\n\n'
const DONE = 'data: [DONE]\n\n'
const RESPONSES_DELTA =
  'event: response.output_text.delta\ndata: {"type":"response.output_text.delta","delta":"a"}\n\n'
const RESPONSES_END =
  'event: response.completed\ndata: {"type":"response.completed","response":{}}\n\n'

const streamRequest = {
  method: 'POST',
  headers: { 'content-type': 'application/json' },
  body: '{"model":"gpt-4","stream":true}',
}

/** Sends these bytes as a stream, then resets the connection. */
const breakAfter =
  (bytes: string | Buffer): Handler =>
  (_request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.write(bytes, () => response.socket?.resetAndDestroy())
  }

const endAfter =
  (bytes: string): Handler =>
  (_request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' }).end(bytes)
  }

async function readStream(path: string, handler: Handler): Promise<string> {
  const upstream = await startUpstream(handler)
  const gateway = await startGateway({ upstream: upstream.origin })
  return (await gateway.fetch(path, streamRequest)).text()
}

const CHAT_ERROR =
  'data: {"error":{"message":"The upstream could not be reached or broke off its answer. Send the request again.","type":"server_error","param":null,"code":"upstream_unavailable"}}\n\n'

describe('a chat stream whose upstream dies', () => {
  it.each(['/v1/chat/completions', '/v1/completions'])(
    'ends with an error event and [DONE] on %s',
    async (path) => {
      expect(await readStream(path, breakAfter(DELTA))).toBe(DELTA + CHAT_ERROR + DONE)
    },
  )

  it('drops the event that was cut, so that the error is what is read next', async () => {
    const half = DELTA.slice(0, 20)
    const text = await readStream('/v1/chat/completions', breakAfter(DELTA + half))
    expect(text).toBe(DELTA + CHAT_ERROR + DONE)
  })

  it('keeps the event that lacks nothing but its line ends', async () => {
    const text = await readStream('/v1/chat/completions', breakAfter(DELTA + DELTA.trimEnd()))
    expect(text).toBe(DELTA + DELTA + CHAT_ERROR + DONE)
  })

  it('drops the half of a character that was cut, where the event was too long to wait for', async () => {
    const long = `data: {"a":"${'x'.repeat(70_000)}`
    const text = await readStream(
      '/v1/chat/completions',
      breakAfter(Buffer.from([...Buffer.from(long), 0xe4, 0xbd])),
    )
    expect(text).toBe(`${long}\n\n${CHAT_ERROR}${DONE}`)
  })

  it('stays as it is when it was whole before the connection broke', async () => {
    const whole = DELTA + FINISH + DONE
    expect(await readStream('/v1/chat/completions', breakAfter(whole))).toBe(whole)
  })

  it('is logged as broken off, with the cause', async () => {
    const upstream = await startUpstream(breakAfter(DELTA))
    const gateway = await startGateway({ upstream: upstream.origin })
    await (await gateway.fetch('/v1/chat/completions', streamRequest)).text()
    const line = await gateway.waitForLine(() => true)
    expect(line).toMatchObject({
      level: 'error',
      ending: 'aborted',
      error: 'upstream_unavailable',
      err: { cause: { message: expect.any(String) } },
    })
  })
})

describe('a chat stream that is over, on a connection that is not', () => {
  it('gets nothing behind its [DONE], not even a sign of life', async () => {
    const upstream = await startUpstream((_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' }).write(DELTA + FINISH + DONE)
    })
    const gateway = await startGateway({
      upstream: upstream.origin,
      env: { SSE_HEARTBEAT_MS: '10', UPSTREAM_IDLE_TIMEOUT_MS: '200' },
    })
    const response = await gateway.fetch('/v1/chat/completions', streamRequest)
    expect(await response.text()).toBe(DELTA + FINISH + DONE)
  })
})

describe('a stream whose model writes about streams', () => {
  it('is not taken for one that has ended', async () => {
    const delta = 'data: {"choices":[{"delta":{"content":"it ends with data: [DONE]"}}]}\n\n'
    const text = await readStream('/v1/chat/completions', breakAfter(delta))
    expect(text).toBe(delta + CHAT_ERROR + DONE)
  })

  it('is not taken for a response that was completed', async () => {
    const delta = 'event: x\ndata: {"type":"x","delta":"\\"response.completed\\""}\n\n'
    expect(await readStream('/v1/responses', endAfter(delta))).toContain('event: error')
  })
})

describe('a chat stream that ends without [DONE]', () => {
  it('gets the error when the model had not finished', async () => {
    const text = await readStream('/v1/chat/completions', endAfter(DELTA))
    expect(text).toBe(DELTA + CHAT_ERROR + DONE)
  })

  it('gets [DONE] when only the empty line behind the finish is missing', async () => {
    const text = await readStream('/v1/chat/completions', endAfter(DELTA + FINISH.slice(0, -1)))
    expect(text).toBe(DELTA + FINISH + DONE)
  })

  it('gets the error when a part of the finish is missing', async () => {
    const text = await readStream('/v1/chat/completions', endAfter(DELTA + FINISH.slice(0, -30)))
    expect(text).toBe(DELTA + CHAT_ERROR + DONE)
  })

  it('finds the finish however it is cut', async () => {
    for (let cut = 1; cut < FINISH.length; cut += 7) {
      const text = await readStream('/v1/chat/completions', async (_request, response) => {
        response.writeHead(200, { 'content-type': 'text/event-stream' })
        response.write(DELTA + FINISH.slice(0, cut))
        await wait(5)
        response.end(FINISH.slice(cut))
      })
      expect(text).toBe(DELTA + FINISH + DONE)
    }
  })

  it('gets the error when another event began behind the finish', async () => {
    const half = 'data: {"choices":[{"del'
    const text = await readStream('/v1/chat/completions', endAfter(DELTA + FINISH + half))
    expect(text).toBe(DELTA + FINISH + CHAT_ERROR + DONE)
  })

  it('gets the [DONE] that it lacks when the model had finished', async () => {
    const text = await readStream('/v1/chat/completions', endAfter(DELTA + FINISH))
    expect(text).toBe(DELTA + FINISH + DONE)
  })
})

describe('a stream of /v1/responses whose upstream dies', () => {
  it.each([
    ['breaks off', breakAfter(RESPONSES_DELTA)],
    ['ends without response.completed', endAfter(RESPONSES_DELTA)],
  ])('ends with event: error when it %s', async (_how, handler) => {
    const upstream = await startUpstream(handler)
    const gateway = await startGateway({ upstream: upstream.origin })
    const events = await collectSse(await gateway.fetch('/v1/responses', streamRequest))
    expect(events.map(({ event }) => event)).toEqual(['response.output_text.delta', 'error'])
    expect(JSON.parse(events[1]?.data ?? '')).toMatchObject({
      type: 'error',
      code: 'upstream_unavailable',
      param: null,
    })
  })

  it.each([
    ['the last event’s', RESPONSES_DELTA.replace('{', '{"sequence_number":7,'), 8],
    [
      'no number within a text',
      RESPONSES_DELTA.replace(
        '{',
        String.raw`{"sequence_number": 7,"text":"\"sequence_number\":9",`,
      ),
      8,
    ],
    ['none', RESPONSES_DELTA, 0],
  ])('counts on from %s', async (_what, delta, next) => {
    const half = RESPONSES_DELTA.replace('{', '{"sequence_number":99,').slice(0, -5)
    const text = await readStream('/v1/responses', endAfter(delta + half))
    expect(JSON.parse(text.slice(text.lastIndexOf('{"')))).toMatchObject({
      type: 'error',
      sequence_number: next,
    })
  })

  it('ends with event: error when half of response.completed came', async () => {
    const half = RESPONSES_END.slice(0, -5)
    const text = await readStream('/v1/responses', endAfter(RESPONSES_DELTA + half))
    expect(text.startsWith(`${RESPONSES_DELTA}event: error\n`)).toBe(true)
  })

  it('gets no sign of life behind its end', async () => {
    const whole = RESPONSES_DELTA + RESPONSES_END
    const upstream = await startUpstream((_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' }).write(whole)
    })
    const env = { SSE_HEARTBEAT_MS: '10', UPSTREAM_IDLE_TIMEOUT_MS: '200' }
    const gateway = await startGateway({ upstream: upstream.origin, env })
    expect(await (await gateway.fetch('/v1/responses', streamRequest)).text()).toBe(whole)
  })

  it('stays as it is when it was whole', async () => {
    const whole = RESPONSES_DELTA + RESPONSES_END
    expect(await readStream('/v1/responses', endAfter(whole))).toBe(whole)
  })
})

describe('an answer of no known family', () => {
  it.each([
    ['a stream', 'text/event-stream', 'data: 1\n\n'],
    ['JSON in chunks', 'application/json', '{"a":'],
    ['audio', 'audio/mpeg', 'abc'],
  ])('is broken off when the upstream breaks off %s', async (_what, type, bytes) => {
    const upstream = await startUpstream((_request, response) => {
      response.writeHead(200, { 'content-type': type })
      response.write(bytes, () => response.socket?.resetAndDestroy())
    })
    const gateway = await startGateway({ upstream: upstream.origin })
    const response = await gateway.fetch('/v1/audio/speech', streamRequest)
    await expect(response.text()).rejects.toThrow('terminated')
  })

  it('is broken off when it ends short of its length', async () => {
    const upstream = await startUpstream((_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': '100' })
      response.write('{"a":', () => response.socket?.end())
    })
    const gateway = await startGateway({ upstream: upstream.origin })
    const response = await gateway.fetch('/v1/chat/completions', streamRequest)
    await expect(response.text()).rejects.toThrow('terminated')
  })
})

describe('an upstream that gives no answer', () => {
  it('is answered 502 without the cause', async () => {
    const upstream = await startUpstream(({ message }) => message.socket.resetAndDestroy())
    const gateway = await startGateway({ upstream: upstream.origin })
    const response = await gateway.fetch('/v1/chat/completions', streamRequest)
    expect(response.status).toBe(502)
    const text = await response.text()
    expect(JSON.parse(text)).toMatchObject({
      error: { code: 'upstream_unavailable', type: 'server_error', param: null },
    })
    expect(text).not.toMatch(/ECONN|socket|127\.0\.0\.1/)
    const line = await gateway.waitForLine(() => true)
    expect(line).toMatchObject({ status: 502, err: { cause: { message: expect.any(String) } } })
  })

  it('is answered 502 when nothing listens', async () => {
    const gateway = await startGateway({ upstream: 'http://127.0.0.1:9' })
    expect((await gateway.fetch('/v1/models')).status).toBe(502)
  })
})
