import { describe, expect, it } from 'vitest'

import { type Gateway, startGateway } from '../helpers/gateway.ts'
import { openRaw, type RawConnection, rawRequest } from '../helpers/raw.ts'
import { echo, startUpstream } from '../helpers/upstream.ts'

// A request that is refused by its head still has its body to send. If the connection lives on, the body is read as
// the next request, with whatever the attacker wrote into it; if it is closed at once, the kernel answers what comes
// with a reset, and the client never reads why it was refused. So: the answer, no further request, and a close that
// waits for the client to read.

const MIB = 1024 * 1024
const BODY = rawRequest('GET', '/v1/smuggled').padEnd(24 * MIB, 'x')
const HEAD = `content-type: text/plain\r\ncontent-length: ${BODY.length}\r\n`

async function start(env: Readonly<Record<string, string>> = {}) {
  const upstream = await startUpstream(echo)
  const gateway = await startGateway({
    upstream: upstream.origin,
    env: { BODY_LIMIT_MB: '1', ...env },
  })
  return { upstream, gateway }
}

/** Sends everything before it reads anything, as many clients do. */
async function sendBlindly(gateway: Gateway, bytes: string): Promise<RawConnection> {
  const client = openRaw(gateway)
  client.socket.pause()
  await new Promise<void>((resolve, reject) => {
    client.socket.on('error', reject)
    client.socket.write(Buffer.from(bytes, 'latin1'), () => resolve())
  })
  client.socket.resume()
  return client
}

describe('a request refused by its head', () => {
  it.each([
    ['401', rawRequest('POST', '/v1/x', { head: HEAD, body: BODY, token: 'wrong' })],
    ['403', rawRequest('POST', '/v1/files', { head: HEAD, body: BODY })],
    ['404', rawRequest('POST', '/nope', { head: HEAD, body: BODY })],
    ['405', rawRequest('TRACE', '/v1/x', { head: HEAD, body: BODY })],
    ['413', rawRequest('POST', '/v1/x', { head: HEAD, body: BODY })],
    [
      '413',
      rawRequest('POST', '/v1/x', {
        head: 'content-type: audio/mpeg\r\ntransfer-encoding: chunked\r\n',
        body: `${BODY.length.toString(16)}\r\n${BODY}\r\n0\r\n\r\n`,
      }),
    ],
    ['400', rawRequest('POST', '/v1/../x', { head: HEAD, body: BODY })],
  ])('(%s) is told so while it sends, and its body is no request', async (status, bytes) => {
    const { upstream, gateway } = await start()
    const client = await sendBlindly(gateway, bytes)
    const answers = await client.untilClosed()
    expect(answers.map((answer) => String(answer.status))).toEqual([status])
    expect(answers[0]?.headers['connection']).toBe('close')
    expect(upstream.received).toHaveLength(0)
  })

  it('is not read for ever: who sends on is cut off', async () => {
    const { gateway } = await start()
    const client = openRaw(gateway)
    client.send(rawRequest('POST', '/v1/x', { head: 'content-length: 2000000000\r\n' }))
    expect((await client.answers(1))[0]?.status).toBe(413)
    const chunk = Buffer.alloc(64 * 1024, 'x')
    const timer = setInterval(() => client.socket.write(chunk), 10)
    await new Promise((resolve) => client.socket.once('close', resolve))
    clearInterval(timer)
  })

  it('is not read for ever either where its body means nothing', async () => {
    const upstream = await startUpstream(() => {})
    const gateway = await startGateway({ upstream: upstream.origin, env: { BODY_LIMIT_MB: '1' } })
    const client = openRaw(gateway)
    client.send(rawRequest('GET', '/v1/x', { head: 'transfer-encoding: chunked\r\n' }))
    const chunk = Buffer.from(`10000\r\n${'x'.repeat(0x10000)}\r\n`)
    const timer = setInterval(() => client.socket.write(chunk), 5)
    await new Promise((resolve) => client.socket.once('close', resolve))
    clearInterval(timer)
    expect(await gateway.waitForLine(() => true)).toMatchObject({ status: 499 })
  })

  it('without a body leaves the connection to the next one', async () => {
    const { gateway } = await start()
    const client = openRaw(gateway)
    client.send(rawRequest('GET', '/v1/x', { token: 'wrong' }) + rawRequest('GET', '/v1/x'))
    expect((await client.answers(2)).map(({ status }) => status)).toEqual([401, 200])
  })
})

describe('a body cut off or broken', () => {
  it.each([
    ['is refused', 'transfer-encoding: chunked\r\n', '1\r\nx\r\nzz\r\n'],
    [
      'is refused, as an upload',
      'content-type: audio/mpeg\r\ntransfer-encoding: chunked\r\n',
      '1\r\nx\r\nzz\r\n',
    ],
  ])('%s with a request id, and logged as 400', async (_how, head, body) => {
    const { upstream, gateway } = await start()
    const client = openRaw(gateway)
    client.send(rawRequest('POST', '/v1/x', { head, body }) + rawRequest('GET', '/v1/smuggled'))
    const answers = await client.untilClosed()
    expect(answers.map(({ status }) => status)).toEqual([400])
    expect(answers[0]?.headers['x-request-id']).toMatch(/^req_/)
    expect(await gateway.waitForLine(() => true)).toMatchObject({ status: 400 })
    expect(upstream.received).toHaveLength(0)
  })
})
