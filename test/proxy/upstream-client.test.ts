import { once } from 'node:events'
import { createServer, getCACertificates, setDefaultCACertificates } from 'node:tls'

import type { Dispatcher } from 'undici'
import { describe, expect, it, onTestFinished } from 'vitest'

import { createUpstreamClient, type UpstreamClient } from '../../src/proxy/upstream-client.ts'
import { createCertificate, openssl } from '../helpers/certificate.ts'
import { portOf } from '../helpers/port.ts'
import { type RawUpstream, startRawUpstream } from '../helpers/raw-upstream.ts'

const ANSWER = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok'
const BEGUN = 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n'

/** Answers every request with these bytes. */
const startOrigin = (answer: string): Promise<RawUpstream> =>
  startRawUpstream({ onRequest: (socket) => socket.write(answer) })

const countOpen = ({ sockets }: RawUpstream): number =>
  sockets.filter(({ closed }) => !closed).length

function createClient(connections: number): UpstreamClient {
  const client = createUpstreamClient({
    connections,
    connectTimeoutMs: 1000,
    headerLimitBytes: 16_384,
  })
  onTestFinished(() => client.destroy())
  return client
}

interface Sent {
  readonly ended: Promise<string>
  readonly begun: Promise<Dispatcher.DispatchController>
}

function send(client: UpstreamClient, origin: string, method = 'GET'): Sent {
  const begun = Promise.withResolvers<Dispatcher.DispatchController>()
  const ended = Promise.withResolvers<string>()
  let body = ''
  begun.promise.catch(() => {})
  ended.promise.catch(() => {})
  client.dispatch(
    { origin, path: '/', method },
    {
      onRequestStart() {},
      onResponseData(controller, chunk) {
        body += chunk.toString()
        begun.resolve(controller)
      },
      onResponseEnd: () => ended.resolve(body),
      onResponseError(_controller, error) {
        begun.reject(error)
        ended.reject(error)
      },
    },
  )
  return { begun: begun.promise, ended: ended.promise }
}

/** Longer than a connection on the loopback address takes to be made. */
const settle = () => new Promise((resolve) => setTimeout(resolve, 50))

describe('the connections to an origin', () => {
  it('are used again, one request at a time', async () => {
    const upstream = await startOrigin(ANSWER)
    const client = createClient(10)
    for (let i = 0; i < 5; i++) {
      expect(await send(client, upstream.origin).ended).toBe('ok')
      // Its connection is free a little later than its answer is whole.
      await settle()
    }
    expect(upstream.sockets).toHaveLength(1)
    await Promise.all(Array.from({ length: 5 }, () => send(client, upstream.origin).ended))
    expect(upstream.sockets).toHaveLength(5)
  })

  it('are never more than there may be, and nobody is forgotten', async () => {
    const upstream = await startOrigin(ANSWER)
    const client = createClient(3)
    const answers = await Promise.all(
      Array.from({ length: 50 }, () => send(client, upstream.origin).ended),
    )
    expect(answers).toEqual(Array.from({ length: 50 }, () => 'ok'))
    expect(upstream.sockets).toHaveLength(3)
  })

  it('are not made for a request that was aborted', async () => {
    const upstream = await startOrigin(BEGUN)
    const client = createClient(10)
    const running = Array.from({ length: 4 }, () => send(client, upstream.origin))
    for (const { begun } of running) (await begun).abort(new Error('enough'))
    for (const { ended } of running) await expect(ended).rejects.toThrow('enough')
    await expect.poll(() => countOpen(upstream)).toBe(0)
    await settle()
    expect(upstream.sockets).toHaveLength(4)
  })

  it('make room when one of them is aborted', async () => {
    const upstream = await startOrigin(BEGUN)
    const client = createClient(1)
    const first = send(client, upstream.origin)
    const second = send(client, upstream.origin)
    ;(await first.begun).abort(new Error('enough'))
    await second.begun
    expect(upstream.sockets).toHaveLength(2)
  })

  it('are made anew where the origin has ended one', async () => {
    const upstream = await startOrigin(ANSWER)
    const client = createClient(2)
    await send(client, upstream.origin).ended
    upstream.sockets[0]?.end()
    await expect.poll(() => countOpen(upstream)).toBe(0)
    await settle()
    expect(await send(client, upstream.origin).ended).toBe('ok')
    expect(upstream.sockets).toHaveLength(2)
  })

  it('are free again after a request that undici does not take', async () => {
    const upstream = await startOrigin(ANSWER)
    const client = createClient(1)
    await send(client, upstream.origin).ended
    await settle()
    await expect(send(client, upstream.origin, 'NOT A METHOD').ended).rejects.toThrow(
      'invalid request method',
    )
    expect(await send(client, upstream.origin).ended).toBe('ok')
    expect(upstream.sockets).toHaveLength(1)
  })

  it('fail alone where nobody listens', async () => {
    const client = createClient(1)
    const all = Array.from({ length: 3 }, () => send(client, 'http://127.0.0.1:1'))
    for (const { ended } of all) await expect(ended).rejects.toThrow('ECONNREFUSED')
  })

  it.skipIf(openssl === undefined)(
    'are not used up by a certificate for another name',
    async () => {
      const { cert, key } = createCertificate('DNS:other.test')
      const server = createServer({ cert, key }).on('tlsClientError', () => {})
      server.listen(0, '127.0.0.1')
      await once(server, 'listening')
      const trusted = getCACertificates()
      setDefaultCACertificates([cert])
      onTestFinished(() => {
        setDefaultCACertificates(trusted)
        server.close()
      })
      const client = createClient(1)
      for (let i = 0; i < 3; i++) {
        const { ended } = send(client, `https://127.0.0.1:${portOf(server)}`)
        await expect(ended).rejects.toThrow(/altnames/)
      }
    },
  )

  it('end all at once, with whoever waits for one', async () => {
    const upstream = await startOrigin(BEGUN)
    const client = createClient(1)
    const running = send(client, upstream.origin)
    const waiting = send(client, upstream.origin)
    await running.begun
    await client.destroy()
    await expect(running.ended).rejects.toThrow(/destroyed/)
    await expect(waiting.ended).rejects.toThrow(/destroyed/)
    await expect.poll(() => countOpen(upstream)).toBe(0)
  })

  it('are made for nobody after that', async () => {
    const upstream = await startOrigin(ANSWER)
    const client = createClient(2)
    await client.destroy()
    await expect(send(client, upstream.origin).ended).rejects.toThrow(/destroyed/)
    await settle()
    expect(upstream.sockets).toHaveLength(0)
  })

  it('are made for nobody who asks while they end', async () => {
    const upstream = await startOrigin(BEGUN)
    const client = createClient(1)
    const running = send(client, upstream.origin)
    await running.begun
    const again = running.ended.catch(() => send(client, upstream.origin).ended)
    await client.destroy()
    await expect(again).rejects.toThrow(/destroyed/)
    await settle()
    expect(upstream.sockets).toHaveLength(1)
  })
})
