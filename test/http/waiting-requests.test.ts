import { once } from 'node:events'
import type { RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'

import { describe, expect, it, onTestFinished } from 'vitest'

import { createServers } from '../../src/http/create-server.ts'
import { connectRaw } from '../helpers/raw.ts'

const BOUNDS = {
  headerLimitKb: 16,
  headerCountLimit: 100,
  headerTimeoutMs: 10_000,
  requestTimeoutMs: 10_000,
  keepAliveTimeoutMs: 10_000,
  requestsPerConnection: 100,
  connectionLimit: 0,
  connectionLimitPerAddress: 0,
  clientWriteTimeoutMs: 10_000,
}

/** A server whose requests wait until the test begins them. */
async function startServer() {
  const waiting: (() => void)[] = []
  const served: string[] = []
  const arrived: (() => void)[] = []
  const servers = createServers({
    bounds: BOUNDS,
    turns: {
      take(begin) {
        waiting.push(begin)
        arrived.shift()?.()
      },
      delayMs: () => 0,
    },
    isShared: () => true,
    onCut() {},
    onRawAnswer() {},
  })
  const serve: RequestListener = (request, response) => {
    served.push(request.url ?? '')
    response.end('served')
  }
  const server = servers.create(serve).listen(0, '127.0.0.1')
  onTestFinished(() => void server.close())
  await once(server, 'listening')
  const closed = new Promise<void>((resolve) => {
    server.on('connection', (socket) => socket.once('close', () => resolve()))
  })
  const { port } = server.address() as AddressInfo
  return {
    port,
    served,
    closed,
    untilWaiting: () => new Promise<void>((resolve) => void arrived.push(resolve)),
    beginAll: () => waiting.splice(0).forEach((begin) => begin()),
  }
}

describe('a request that waits for its turn', () => {
  it('is served when it comes', async () => {
    const server = await startServer()
    const client = connectRaw(server.port)
    client.send('GET /1 HTTP/1.1\r\nhost: x\r\n\r\n')
    await server.untilWaiting()
    expect(server.served).toEqual([])
    server.beginAll()
    expect(await client.answers(1)).toMatchObject([{ status: 200, body: 'served' }])
  })

  it('is not when its client has left by then', async () => {
    const server = await startServer()
    const client = connectRaw(server.port)
    client.send('GET /1 HTTP/1.1\r\nhost: x\r\n\r\n')
    await server.untilWaiting()
    client.socket.destroy()
    await server.closed
    server.beginAll()
    expect(server.served).toEqual([])
  })

  it('is not when its body has turned out to be none, and the client been told so', async () => {
    const server = await startServer()
    const client = connectRaw(server.port)
    client.send('POST /1 HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n')
    await server.untilWaiting()
    client.send('no chunk\r\n')
    expect(await client.answers(1)).toMatchObject([{ status: 400 }])
    server.beginAll()
    expect(server.served).toEqual([])
  })
})
