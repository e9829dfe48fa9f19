import { setTimeout as wait } from 'node:timers/promises'

import { describe, expect, it } from 'vitest'

import { startGateway } from '../helpers/gateway.ts'
import { startUpstream } from '../helpers/upstream.ts'

// An upstream may announce its answer with any number of 1xx (RFC 9110 section 15.2). undici 7 ends the connection
// over a 100 that it did not ask for, and a proxy that passes 103 on passes the upstream's Link headers with it.

const FINAL = 'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}'
const CONTINUE = 'HTTP/1.1 100 Continue\r\n\r\n'
const HINTS = 'HTTP/1.1 103 Early Hints\r\nlink: </x>; rel=preload\r\n\r\n'
const POST = { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"a":1}' }

describe('an upstream that announces its answer', () => {
  it.each([
    ['100', CONTINUE],
    ['several 100s', CONTINUE.repeat(5)],
    ['100 without a reason', 'HTTP/1.1 100\r\n\r\n'],
    ['100 with headers', 'HTTP/1.1 100 Continue\r\nx: y\r\n\r\n'],
    ['103', HINTS],
    ['102, 103 and 100', `HTTP/1.1 102 Processing\r\n\r\n${HINTS}${CONTINUE}`],
  ])(
    'with %s is understood, in one piece and byte by byte, and the connection is used again',
    async (_what, heads) => {
      let isCut = false
      const sockets = new Set<unknown>()
      const upstream = await startUpstream(async ({ message }) => {
        sockets.add(message.socket)
        if (!isCut) return message.socket.write(heads + FINAL)
        for (const byte of heads + FINAL) {
          message.socket.write(byte)
          await wait(0)
        }
        return undefined
      })
      const gateway = await startGateway({ upstream: upstream.origin })
      for (isCut of [false, true, false]) {
        const response = await gateway.fetch('/v1/chat/completions', POST)
        expect(response.status).toBe(200)
        expect(response.headers.get('link')).toBeNull()
        expect(await response.text()).toBe('{}')
      }
      expect(sockets.size).toBe(1)
    },
  )

  it('but sends no answer is timed like any other', async () => {
    const upstream = await startUpstream(({ message }) => message.socket.write(CONTINUE))
    const gateway = await startGateway({
      upstream: upstream.origin,
      env: { UPSTREAM_FIRST_BYTE_TIMEOUT_MS: '200' },
    })
    expect((await gateway.fetch('/v1/chat/completions', POST)).status).toBe(504)
  })

  it.each([
    ['100', CONTINUE],
    ['103', HINTS],
  ])('without an end (%s) is 502, long before its clock', async (_what, head) => {
    const upstream = await startUpstream(({ message }) => {
      const send = (): void => {
        while (message.socket.writable && message.socket.write(head.repeat(50)));
        message.socket.once('drain', send)
      }
      message.socket.on('error', () => {})
      send()
    })
    const gateway = await startGateway({ upstream: upstream.origin })
    expect((await gateway.fetch('/v1/chat/completions', POST)).status).toBe(502)
  })

  it('is not taken for one that writes so in its body', async () => {
    const upstream = await startUpstream(async (_request, response) => {
      response.writeHead(200, { 'content-type': 'text/plain' }).flushHeaders()
      await wait(30)
      response.end(CONTINUE)
    })
    const gateway = await startGateway({ upstream: upstream.origin })
    expect(await (await gateway.fetch('/v1/chat/completions', POST)).text()).toBe(CONTINUE)
  })
})
