import { once } from 'node:events'
import type { RequestListener } from 'node:http'
import type { Socket } from 'node:net'

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
  const told: string[] = []
  const servers = createServers({
    bounds: BOUNDS,
    turns: {
      take(begin) {
        waiting.push(begin)
        arrived.shift()?.()
      },
      waitedMs: () => 0,
    },
    isShared: () => true,
    onCut() {},
    onRawAnswer: ({ error }) => void told.push(error.code),
  })
  const serve: RequestListener = (request, response) => {
    served.push(request.url ?? '')
    if (request.url !== '/hang') response.end('served')
  }
  const server = servers.create(serve).listen(0, '127.0.0.1')
  onTestFinished(() => void server.close())
  await once(server, 'listening')
  const sockets: Socket[] = []
  server.on('connection', (socket: Socket) => sockets.push(socket))
  const closed = new Promise<void>((resolve) => {
    server.on('connection', (socket: Socket) => socket.once('close', () => resolve()))
  })
  const address = server.address()
  const port = typeof address === 'object' ? (address?.port ?? 0) : 0
  return {
    port,
    served,
    told,
    closed,
    cut: () => sockets.forEach((socket) => socket.destroy()),
    untilWaiting: () => new Promise<void>((resolve) => void arrived.push(resolve)),
    beginAll: () => waiting.splice(0).forEach((begin) => begin()),
  }
}

/** One whose client has sent this, and which waits. */
async function startWaiting(head: string) {
  const server = await startServer()
  const client = connectRaw(server.port)
  client.send(`${head}\r\n\r\n`)
  await server.untilWaiting()
  return { server, client }
}

const GET = 'GET /1 HTTP/1.1\r\nhost: x'
const CHUNKED = 'HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked'

describe('a request that waits for its turn', () => {
  it('is served when it comes', async () => {
    const { server, client } = await startWaiting(GET)
    expect(server.served).toEqual([])
    server.beginAll()
    expect(await client.answers(1)).toMatchObject([{ status: 200, body: 'served' }])
  })

  it('is not when its client has left by then', async () => {
    const { server, client } = await startWaiting(GET)
    client.socket.destroy()
    await server.closed
    server.beginAll()
    expect(server.served).toEqual([])
  })

  it('is not when its connection has been cut in the same turn', async () => {
    const { server } = await startWaiting(GET)
    server.cut()
    server.beginAll()
    expect(server.served).toEqual([])
  })

  it('is not when its body has turned out to be none, and the client been told so', async () => {
    const { server, client } = await startWaiting(`POST /1 ${CHUNKED}`)
    client.send('no chunk\r\n')
    expect(await client.answers(1)).toMatchObject([{ status: 400 }])
    expect(server.told).toEqual(['bad_request'])
    server.beginAll()
    expect(server.served).toEqual([])
  })

  it('is told of by itself when it was begun before its body turned out to be none', async () => {
    const { server, client } = await startWaiting(`POST /hang ${CHUNKED}`)
    server.beginAll()
    client.send('no chunk\r\n')
    expect(await client.answers(1)).toMatchObject([{ status: 400 }])
    expect(server.told).toEqual([])
  })
})
