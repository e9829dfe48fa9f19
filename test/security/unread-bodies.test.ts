import { once } from 'node:events'
import { setTimeout as wait } from 'node:timers/promises'

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

/** A client that does not close when the server has. */
function connectStubborn(gateway: Gateway): RawConnection {
  const client = openRaw(gateway)
  client.socket.allowHalfOpen = true
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

  it('is told so though it sends slowly and looks only then', async () => {
    const { gateway } = await start()
    const client = openRaw(gateway)
    client.socket.pause()
    client.send(rawRequest('POST', '/v1/x', { head: HEAD }))
    // Longer than a connection on which nothing comes is kept.
    for (let i = 0; i < 14; i++) {
      client.send('x'.repeat(64 * 1024))
      await wait(500)
    }
    client.socket.resume()
    expect((await client.untilClosed()).map(({ status }) => status)).toEqual([413])
  })

  it('is not read for ever: who sends on is cut off', async () => {
    const { gateway } = await start()
    const client = connectStubborn(gateway)
    client.send(rawRequest('POST', '/v1/x', { head: 'content-length: 20000000000\r\n' }))
    expect((await client.answers(1))[0]?.status).toBe(413)
    const chunk = Buffer.alloc(MIB, 'x')
    let sent = 0
    const send = (): void => {
      if (!client.socket.writable) return
      sent += chunk.length
      client.socket.write(chunk, send)
    }
    send()
    await new Promise((resolve) => client.socket.once('close', resolve))
    // Well before its time is up.
    expect(sent).toBeGreaterThan(200 * MIB)
    expect(sent).toBeLessThan(400 * MIB)
  })

  it('is not waited for: who falls silent is cut off', async () => {
    const { gateway } = await start()
    const client = connectStubborn(gateway)
    client.send(rawRequest('POST', '/v1/x', { head: HEAD }))
    await once(client.socket, 'end')
    await wait(7000)
    // That it is gone is seen by what is sent to it: the first is answered with a reset, the next meets it.
    for (let i = 0; i < 3; i++) {
      client.send('x')
      await wait(100)
    }
    expect(client.socket.destroyed).toBe(true)
    expect(client.text()).toMatch(/^HTTP\/1\.1 413 /)
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
