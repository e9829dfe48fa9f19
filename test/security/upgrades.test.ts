import { describe, expect, it } from 'vitest'

import { startGateway } from '../helpers/gateway.ts'
import { openRaw, rawRequest } from '../helpers/raw.ts'
import { echo, startUpstream } from '../helpers/upstream.ts'

// After a 101 a proxy is a pipe: no identity, no limit and no scan sees what follows. A proxy that believes in an
// upgrade before both sides have agreed sends the client's next bytes to the upstream as they are, with a request of
// the attacker's in them (pingora CVE-2026-2833, nghttpx CVE-2026-58055). Nothing here is ever upgraded.

const H2C =
  'connection: Upgrade, HTTP2-Settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABkAARAAAAAAAIAAAAA\r\n'
const WEBSOCKET =
  'connection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n'
const SMUGGLED = rawRequest('GET', '/v1/smuggled')

async function start() {
  const upstream = await startUpstream(echo)
  const gateway = await startGateway({ upstream: upstream.origin })
  return { upstream, gateway, client: openRaw(gateway) }
}

describe('an upgrade', () => {
  it.each([
    ['GET', ''],
    ['POST', 'content-length: 5\r\ncontent-type: text/plain\r\n'],
  ])(
    'to h2c by %s is answered as if it had not been asked for, and closes',
    async (method, more) => {
      const { upstream, client } = await start()
      const body = more === '' ? '' : 'hello'
      client.send(rawRequest(method, '/v1/x', { head: H2C + more, body }) + SMUGGLED)
      const answers = await client.untilClosed()
      expect(answers.map(({ status }) => status)).toEqual([200])
      expect(answers[0]?.headers).not.toHaveProperty('upgrade')
      expect(upstream.received).toHaveLength(1)
      const { message, body: received } = upstream.received[0] ?? {}
      expect(received?.toString()).toBe(body)
      expect(message?.headers).not.toHaveProperty('upgrade')
      expect(message?.headers).not.toHaveProperty('http2-settings')
    },
  )

  it.each([
    ['a handshake', '/v1/realtime?model=x', WEBSOCKET],
    ['a handshake without Connection', '/v1/realtime', 'upgrade: websocket\r\n'],
    ['one of several protocols', '/v1/x', 'connection: upgrade\r\nupgrade: h2c, WebSocket\r\n'],
  ])('to WebSocket (%s) is 400 and never forwarded', async (_what, path, head) => {
    const { upstream, client } = await start()
    client.send(rawRequest('GET', path, { head }) + SMUGGLED)
    const answers = await client.untilClosed()
    expect(answers.map(({ status }) => status)).toEqual([400])
    expect(JSON.parse(answers[0]?.body ?? '')).toEqual({
      error: {
        message: expect.stringContaining('WebSocket is not offered here'),
        type: 'invalid_request_error',
        param: null,
        code: 'bad_request',
      },
    })
    expect(answers[0]?.headers['connection']).toBe('close')
    expect(upstream.received).toHaveLength(0)
  })

  it('that the upstream answers with 101 unasked ends in 502 and in no pipe', async () => {
    const upstream = await startUpstream(({ message }) => {
      message.socket.write(
        'HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\nanything',
      )
    })
    const gateway = await startGateway({ upstream: upstream.origin })
    const response = await gateway.fetch('/v1/x')
    expect(response.status).toBe(502)
    expect(await response.json()).toMatchObject({ error: { code: 'upstream_unavailable' } })
  })
})

describe('CONNECT', () => {
  it.each([
    ['alone', ''],
    ['with a body', 'content-length: 3\r\n'],
  ])('(%s) is 405, opens no tunnel and closes', async (_what, head) => {
    const { upstream, client } = await start()
    client.send(`CONNECT 127.0.0.1:80 HTTP/1.1\r\nhost: x\r\n${head}\r\nabc${SMUGGLED}`)
    const answers = await client.untilClosed()
    expect(answers.map(({ status }) => status)).toEqual([405])
    expect(upstream.received).toHaveLength(0)
  })

  it('behind another request waits for its answer', async () => {
    const { upstream, client } = await start()
    client.send(`${rawRequest('GET', '/v1/x')}CONNECT 127.0.0.1:80 HTTP/1.1\r\nhost: x\r\n\r\n`)
    const answers = await client.untilClosed()
    expect(answers.map(({ status }) => status)).toEqual([200, 405])
    expect(upstream.received).toHaveLength(1)
  })
})
