import { request } from 'node:http'
import { networkInterfaces } from 'node:os'

import { describe, expect, test } from 'vitest'

import { startDemoUpstream } from '../../src/demo/upstream.ts'
import {
  BEARER,
  CREDENTIAL,
  get,
  lastReceived,
  openSocket,
  post,
  postChat,
  rawChat,
  startDemo,
  until,
  untilData,
} from './demo-helpers.ts'

const CHAT_HEAD = [
  'POST /v1/chat/completions?a=1 HTTP/1.1',
  'Host: demo',
  `Authorization: Bearer ${CREDENTIAL}`,
  'Content-Type: application/json',
].join('\r\n')

describe('received', () => {
  test('keeps a request as it came', async () => {
    const demo = await startDemo()
    await (await postChat(demo, 'gpt-4o', { max_tokens: 1 })).text()
    const received = lastReceived(demo)
    await received.closed
    expect(received).toMatchObject({
      method: 'POST',
      path: '/v1/chat/completions',
      headers: { authorization: `Bearer ${CREDENTIAL}` },
      outcome: 'finished',
    })
    expect(received.rawHeaders).toContain('authorization')
    expect(received.abortedAtMs).toBeUndefined()
    expect(JSON.parse(received.body.toString())).toMatchObject({ model: 'gpt-4o' })
    expect(received.bodyBytes).toBe(received.body.length)
    expect(demo.open()).toBe(0)
  })

  test('keeps the first 64 KiB of a body and counts all of it', async () => {
    const demo = await startDemo()
    const response = await post(demo, '/v1/embeddings', { model: 'x', input: 'a'.repeat(300_000) })
    await response.text()
    const received = lastReceived(demo)
    await received.bodyDone
    expect(received.body).toHaveLength(64 * 1024)
    expect(received.bodyBytes).toBeGreaterThan(300_000)
  })

  test('shows a request before its body is there', async () => {
    const demo = await startDemo()
    const socket = openSocket(demo, `${CHAT_HEAD}\r\nContent-Length: 100\r\n\r\n{"model"`)
    await until(() => demo.received.length === 1 && lastReceived(demo).bodyBytes > 0)
    expect(lastReceived(demo)).toMatchObject({ path: '/v1/chat/completions?a=1', outcome: 'open' })
    expect(lastReceived(demo).body.toString()).toBe('{"model"')
    socket.destroy()
    await lastReceived(demo).bodyDone
    await lastReceived(demo).closed
    expect(lastReceived(demo).outcome).toBe('aborted')
    expect(demo.open()).toBe(0)
  })

  test('keeps the newest thousand', async () => {
    const demo = await startDemo()
    for (let i = 0; i < 1005; i++) await (await fetch(`${demo.origin}/v1/models?i=${i}`)).text()
    expect(demo.received).toHaveLength(1000)
    expect(demo.received[0]?.path).toBe('/v1/models?i=5')
  })

  test('notes when a client left a stream', async () => {
    const demo = await startDemo({ paceMs: 10 })
    const socket = openSocket(demo, rawChat('demo-pace-20', { stream: true }))
    await untilData(socket)
    expect(demo.open()).toBe(1)
    const leftAtMs = performance.now()
    socket.destroy()
    await lastReceived(demo).closed
    expect(lastReceived(demo).outcome).toBe('aborted')
    expect(lastReceived(demo).abortedAtMs).toBeGreaterThanOrEqual(leftAtMs)
    expect(demo.open()).toBe(0)
  })
})

describe('connections', () => {
  test('serve several requests one after the other', async () => {
    const demo = await startDemo()
    const one = 'GET /v1/models HTTP/1.1\r\nhost: demo\r\n\r\n'
    const socket = openSocket(demo, '')
    let text = ''
    socket.on('data', (chunk: Buffer) => (text += chunk.toString()))
    for (let count = 1; count <= 3; count++) {
      socket.write(one)
      await until(() => text.split('HTTP/1.1 401 ').length - 1 === count)
    }
    expect(demo.received).toHaveLength(3)
  })

  test('let a client that expects 100-continue send its body', async () => {
    const demo = await startDemo()
    const body = JSON.stringify({ model: 'x', input: 'x' })
    const steps: string[] = []
    const status = await new Promise((resolve, reject) => {
      const headers = { ...BEARER, 'content-type': 'application/json', expect: '100-continue' }
      const options = { method: 'POST', headers }
      const outgoing = request(`${demo.origin}/v1/embeddings`, options, (response) => {
        response.resume()
        resolve(response.statusCode)
      })
      outgoing.once('error', reject)
      outgoing.once('continue', () => {
        steps.push('continue')
        outgoing.end(body)
      })
      outgoing.flushHeaders()
    })
    expect(status).toBe(200)
    expect(steps).toEqual(['continue'])
  })

  test('take a chunked request body', async () => {
    const demo = await startDemo()
    const body = JSON.stringify({ model: 'x', input: 'chunked' })
    const chunk = `${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`
    const head = CHAT_HEAD.replace('chat/completions', 'embeddings')
    const socket = openSocket(demo, `${head}\r\nTransfer-Encoding: chunked\r\n\r\n${chunk}`)
    expect((await untilData(socket)).toString()).toMatch(/^HTTP\/1\.1 200 /)
  })

  test('are refused a body above 64 MiB', async () => {
    const demo = await startDemo()
    const response = await fetch(`${demo.origin}/v1/chat/completions`, {
      method: 'POST',
      headers: BEARER,
      body: Buffer.alloc(64 * 1024 * 1024 + 1),
    })
    expect(response.status).toBe(413)
  })

  test('are destroyed by close, whatever they wait for', async () => {
    const demo = await startDemoUpstream({ credential: CREDENTIAL })
    const hanging = postChat(demo, 'demo-hang').catch((error: unknown) => error)
    const idle = openSocket(demo, '')
    await until(() => demo.open() === 1)
    await demo.close()
    expect(await hanging).toBeInstanceOf(Error)
    await until(() => idle.destroyed || idle.readableEnded || idle.closed)
    await lastReceived(demo).closed
    expect(demo.open()).toBe(0)
  })
})

const HAS_IPV6 = Object.values(networkInterfaces()).some((list) =>
  list?.some(({ address }) => address === '::1'),
)

test.skipIf(!HAS_IPV6)('listens where it is told', async () => {
  const demo = await startDemo({ host: '::1' })
  expect(demo.origin).toBe(`http://[::1]:${demo.port}`)
  expect((await get(demo, '/v1/models')).status).toBe(200)
})

test('fails to start on a port in use', async () => {
  const demo = await startDemo()
  const options = { credential: CREDENTIAL, port: demo.port }
  await expect(startDemoUpstream(options)).rejects.toThrow('EADDRINUSE')
})
