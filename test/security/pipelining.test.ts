import { setTimeout as wait } from 'node:timers/promises'

import { describe, expect, it } from 'vitest'

import { startGateway } from '../helpers/gateway.ts'
import { openRaw, rawRequest } from '../helpers/raw.ts'
import { echo, startUpstream } from '../helpers/upstream.ts'

// Node hands over every request it finds in one read, at once. One packet is then a hundred requests in flight; a
// request behind an answer that closes the connection runs, is billed and never answered; an error in the third is
// written into the middle of the first one's answer; and of the requests that wait none hears when the client leaves
// (`abortOutgoing` in Node 24.21 ends them without a 'close').

const STREAM = { 'content-type': 'text/event-stream' }

describe('pipelined requests', () => {
  it('are carried out one after the other, and answered in order', async () => {
    let running = 0
    let most = 0
    const upstream = await startUpstream(async ({ message }, response) => {
      most = Math.max(most, ++running)
      await wait(10)
      running--
      response.end(message.url)
    })
    const gateway = await startGateway({ upstream: upstream.origin })
    const client = openRaw(gateway)
    const paths = Array.from({ length: 10 }, (_, index) => `/v1/x/${index}`)
    client.send(paths.map((path) => rawRequest('GET', path)).join(''))
    const answers = await client.answers(paths.length)
    expect(answers.map(({ body }) => body)).toEqual(paths)
    expect(most).toBe(1)
  })

  it('with small bodies are among them', async () => {
    const upstream = await startUpstream(echo)
    const gateway = await startGateway({ upstream: upstream.origin })
    const client = openRaw(gateway)
    const head = 'content-type: text/plain\r\ncontent-length: 5\r\n'
    const post = rawRequest('POST', '/v1/x', { head, body: 'hello' })
    client.send(post + post + post)
    const answers = await client.answers(3)
    const bodies = answers.map(({ body }): unknown => JSON.parse(body))
    expect(bodies).toEqual(
      Array.from({ length: 3 }, () => expect.objectContaining({ body: 'hello' })),
    )
  })

  it('are no way to more than the limits', async () => {
    const upstream = await startUpstream(echo)
    const gateway = await startGateway({
      upstream: upstream.origin,
      env: { RATE_LIMIT_PER_MINUTE: '3' },
    })
    const client = openRaw(gateway)
    client.send(rawRequest('GET', '/v1/x').repeat(6))
    const answers = await client.answers(6)
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 429, 429, 429])
    expect(upstream.received).toHaveLength(3)
  })

  it('are not carried out behind an answer that closes the connection', async () => {
    const upstream = await startUpstream(echo)
    const gateway = await startGateway({ upstream: upstream.origin })
    const client = openRaw(gateway)
    client.send(
      rawRequest('GET', '/v1/x', { head: 'connection: close\r\n' }) +
        rawRequest('GET', '/v1/y').repeat(3),
    )
    expect(await client.untilClosed()).toHaveLength(1)
    expect(upstream.received).toHaveLength(1)
  })

  it('by the hundred are answered so far as they could wait, and no further', async () => {
    const upstream = await startUpstream(echo)
    const gateway = await startGateway({ upstream: upstream.origin })
    const client = openRaw(gateway)
    client.send(rawRequest('GET', '/v1/x').repeat(500))
    const answers = await client.untilClosed()
    expect(answers.length).toBeGreaterThan(0)
    expect(answers.length).toBeLessThan(50)
    expect(upstream.received).toHaveLength(answers.length)
  })

  it.each([
    ['with a body too large to wait', 'content-length: 100000\r\n', 'x'.repeat(100_000)],
    ['with a body of unknown length', 'transfer-encoding: chunked\r\n', '1\r\nx\r\n0\r\n\r\n'],
  ])('%s are left to be sent again', async (_what, head, body) => {
    const upstream = await startUpstream(echo)
    const gateway = await startGateway({ upstream: upstream.origin })
    const client = openRaw(gateway)
    client.send(rawRequest('GET', '/v1/x') + rawRequest('POST', '/v1/y', { head, body }))
    expect(await client.untilClosed()).toHaveLength(1)
    expect(upstream.received).toHaveLength(1)
  })
})

describe('what is no request, behind one that runs', () => {
  const CHAT = rawRequest('POST', '/v1/chat/completions', {
    head: 'content-type: application/json\r\ncontent-length: 2\r\n',
    body: '{}',
  })
  const START = 'data: {"choices":[{"delta":{"content":"a"}}]}\n\n'
  const END = 'data: {"choices":[{"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'

  it.each([
    ['nonsense', 'hello\r\n\r\n'],
    ['a flood of headers', `GET / HTTP/1.1\r\nx: ${'y'.repeat(20_000)}`],
    ['a smuggled request', 'GET /v1/y HTTP/1.1\r\ncontent-length : 1\r\n\r\n'],
  ])('(%s) does not touch its answer', async (_what, bytes) => {
    const upstream = await startUpstream(async (_request, response) => {
      response.writeHead(200, STREAM).write(START)
      await wait(100)
      response.end(END)
    })
    const gateway = await startGateway({ upstream: upstream.origin })
    const client = openRaw(gateway)
    client.send(CHAT)
    await new Promise((resolve) => client.socket.once('data', resolve))
    client.send(bytes)
    const [answer, error] = await client.untilClosed()
    expect(answer).toMatchObject({ status: 200, body: START + END })
    expect([400, 431]).toContain(error?.status)
    expect(upstream.received).toHaveLength(1)
  })

  it('takes nobody’s place for longer than that one runs', async () => {
    const upstream = await startUpstream((_request, response) => {
      response.writeHead(200, STREAM).write(START)
    })
    const gateway = await startGateway({
      upstream: upstream.origin,
      env: { CONCURRENCY_LIMIT: '3' },
    })
    for (let round = 0; round < 5; round++) {
      const client = openRaw(gateway)
      client.send(CHAT + CHAT)
      await new Promise((resolve) => client.socket.once('data', resolve))
      expect(client.text()).toMatch(/^HTTP\/1\.1 200 /)
      client.socket.destroy()
      await gateway.waitForLine(() => gateway.requestLines().length > round)
    }
    expect(upstream.received).toHaveLength(5)
  })
})
