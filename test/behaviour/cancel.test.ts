import type { Socket } from 'node:net'
import { setTimeout } from 'node:timers/promises'

import { describe, expect, it } from 'vitest'

import { startGateway } from '../helpers/gateway.ts'
import { startServer, startUpstream, type Handler } from '../helpers/upstream.ts'

const BODY = { method: 'POST', headers: { 'content-type': 'application/json' } }

/** Never answers. */
const hang: Handler = () => {}

/** Begins an answer and never ends it. */
const begin =
  (contentType: string, first: string): Handler =>
  (_request, response) => {
    response.writeHead(200, { 'content-type': contentType }).write(first)
  }

describe('a client that leaves', () => {
  it.each([
    ['before the first byte of a stream', '{"model":"m","stream":true}', hang],
    ['before the first byte of an answer in one piece', '{"model":"m"}', hang],
    ['during a stream', '{"model":"m","stream":true}', begin('text/event-stream', 'data: {}\n\n')],
    ['during an answer in one piece', '{"model":"m"}', begin('application/json', '{"id":')],
  ])('cancels the upstream request %s', async (_when, body, handler) => {
    const arrived = Promise.withResolvers<void>()
    const upstream = await startUpstream((request, response) => {
      void handler(request, response)
      arrived.resolve()
    })
    const gateway = await startGateway({ upstream: upstream.origin })
    const leave = new AbortController()
    const answer = gateway
      .fetch('/v1/chat/completions', { ...BODY, body, signal: leave.signal })
      .then((response) => response.text())
    await arrived.promise
    leave.abort()
    await expect(answer).rejects.toThrow('aborted')
    await upstream.received[0]?.closed
    const line = await gateway.waitForLine(() => true)
    expect(line).toMatchObject({ status: 499, ending: 'cancelled', client: 'alice' })
  })

  it('frees every place in flight', async () => {
    const upstream = await startUpstream(begin('text/event-stream', 'data: {}\n\n'))
    const gateway = await startGateway({
      upstream: upstream.origin,
      env: { CONCURRENCY_LIMIT: '2' },
    })
    for (let round = 0; round < 5; round++) {
      const leave = new AbortController()
      const init = { ...BODY, body: '{"stream":true}', signal: leave.signal }
      const responses = await Promise.all([
        gateway.fetch('/v1/chat/completions', init),
        gateway.fetch('/v1/chat/completions', init),
      ])
      expect(responses.map(({ status }) => status)).toEqual([200, 200])
      leave.abort()
      await gateway.waitForLine(
        () =>
          gateway.requestLines().filter(({ status }) => status === 499).length === 2 * (round + 1),
      )
    }
  })

  it('cancels while its body is still being uploaded', async () => {
    const arrived = Promise.withResolvers<Socket>()
    const upstream = await startServer((message) => arrived.resolve(message.socket))
    const gateway = await startGateway({ upstream })
    const socket = gateway.connect()
    socket.write(
      'POST /v1/audio/transcriptions HTTP/1.1\r\nhost: x\r\n' +
        `authorization: Bearer ${gateway.token}\r\ncontent-type: multipart/form-data; boundary=x\r\n` +
        'content-length: 1000000\r\n\r\n--x\r\n',
    )
    const connection = await arrived.promise
    const closed = new Promise((resolve) => connection.once('close', resolve))
    socket.destroy()
    await closed
    const line = await gateway.waitForLine(() => true)
    expect(line).toMatchObject({ status: 499, ending: 'cancelled' })
    expect(gateway.requestLines()).toHaveLength(1)
  })

  it.each([
    ['in one piece', 'application/json', '{"model":'],
    ['in pieces', 'multipart/form-data; boundary=x', '--x\r\n'],
  ])("in the middle of its body (%s) is nobody's failure", async (_how, type, beginning) => {
    const upstream = await startServer(() => {})
    const gateway = await startGateway({ upstream })
    const socket = gateway.connect()
    socket.write(
      'POST /v1/audio/transcriptions HTTP/1.1\r\nhost: x\r\n' +
        `authorization: Bearer ${gateway.token}\r\ncontent-type: ${type}\r\n` +
        `content-length: 1000000\r\n\r\n${beginning}`,
    )
    await setTimeout(50)
    socket.destroy()
    const line = await gateway.waitForLine(() => true)
    expect(line).toMatchObject({ status: 499, level: 'info' })
    expect(line['error']).not.toBe('internal_error')
  })
})
