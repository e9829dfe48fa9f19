import { once } from 'node:events'
import { setTimeout as wait } from 'node:timers/promises'

import { describe, expect, it } from 'vitest'

import { type Gateway, startGateway } from '../helpers/gateway.ts'
import { openRaw, type RawConnection, rawRequest } from '../helpers/raw.ts'
import { startRawUpstream } from '../helpers/raw-upstream.ts'
import { startServer } from '../helpers/upstream.ts'

// A connection that nobody reads does not tell that its client has gone: what it says last stands behind the upload
// that the upstream does not take. Clients that begin large uploads to a stuck upstream and leave would hold its
// connections until the idle timeout, a minute by default, and with them everybody's.

const MIB = 1024 * 1024

const WAYS: readonly [way: string, leave: (client: RawConnection) => void][] = [
  ['closes', ({ socket }) => socket.destroy()],
  ['resets', ({ socket }) => socket.resetAndDestroy()],
  ['half-closes', ({ socket }) => socket.end()],
]

const KINDS: readonly [kind: string, head: string, beforeBody: string][] = [
  ['with a length', `content-length: ${64 * MIB}\r\n`, ''],
  ['in chunks', 'transfer-encoding: chunked\r\n', `${(64 * MIB).toString(16)}\r\n`],
]

const CASES = WAYS.flatMap(([way, leave]) =>
  KINDS.map(([kind, head, beforeBody]) => ({ way, kind, leave, head, beforeBody })),
)

/** Long, so that only the client's leaving ends anything. */
const PATIENT = {
  UPSTREAM_IDLE_TIMEOUT_MS: '600000',
  UPSTREAM_FIRST_BYTE_TIMEOUT_MS: '600000',
  BODY_LIMIT_MB: '64',
}

const audio = (head: string, body = ''): string =>
  rawRequest('POST', '/v1/audio/transcriptions', {
    head: `content-type: audio/mpeg\r\n${head}`,
    body,
  })

/** Takes connections, and nothing from them. */
async function startDeaf(env: Readonly<Record<string, string>> = {}) {
  const upstream = await startRawUpstream({
    onRequest() {},
    onConnection: (socket) => socket.pause(),
  })
  const gateway = await startGateway({ upstream: upstream.origin, env: { ...PATIENT, ...env } })
  return { upstream, gateway }
}

/** Sends so much of a body that whoever does not read it stops the client, and waits until it has stopped. */
async function beginUpload(gateway: Gateway, start: string, bytes: number): Promise<RawConnection> {
  const client = openRaw(gateway)
  client.send(start)
  client.socket.write(Buffer.alloc(bytes))
  let left = -1
  while (left !== client.socket.writableLength) {
    left = client.socket.writableLength
    await wait(200)
  }
  return client
}

async function untilInFlight(gateway: Gateway, count: number): Promise<void> {
  while ((await gateway.metrics.inFlight.get()).values[0]?.value !== count) await wait(5)
}

describe('a client that leaves an upload that the upstream does not take', () => {
  it.each(CASES)('($way, $kind) ends its request upstream', async (given) => {
    const { upstream, gateway } = await startDeaf()
    const client = await beginUpload(gateway, audio(given.head) + given.beforeBody, 16 * MIB)
    expect(upstream.sockets).toHaveLength(1)
    given.leave(client)
    await gateway.waitForLine(() => true)
    const [socket] = upstream.sockets
    socket?.resume()
    if (socket !== undefined && !socket.closed) await once(socket, 'close')
    await untilInFlight(gateway, 0)
  })

  it.each(WAYS)('(%s, having sent all of it) ends its request upstream', async (_way, leave) => {
    const { gateway } = await startDeaf()
    const start = audio(`content-length: ${16 * MIB}\r\n`)
    leave(await beginUpload(gateway, start, 16 * MIB))
    expect(await gateway.waitForLine(() => true)).toMatchObject({ status: 499 })
    await untilInFlight(gateway, 0)
  })

  it.each(WAYS)('(%s, while it waits for a connection) never has one', async (_way, leave) => {
    const urls: (string | undefined)[] = []
    const upstream = await startServer((message) => urls.push(message.url))
    const env = { ...PATIENT, UPSTREAM_CONNECTIONS: '1' }
    const gateway = await startGateway({ upstream, env })
    const first = openRaw(gateway)
    first.send(rawRequest('GET', '/v1/first'))
    await untilInFlight(gateway, 1)
    leave(await beginUpload(gateway, audio(`content-length: ${64 * MIB}\r\n`), 16 * MIB))
    await gateway.waitForLine(() => true)
    await untilInFlight(gateway, 1)
    first.socket.destroy()
    await untilInFlight(gateway, 0)
    expect(urls).toEqual(['/v1/first'])
  })

  it('(resets, where there is no memory to read it into) ends its request upstream', async () => {
    const { gateway } = await startDeaf({ BODY_LIMIT_MB: '32', BODY_MEMORY_LIMIT_MB: '1' })
    const start = audio(`content-length: ${32 * MIB}\r\n`)
    const holding = [
      await beginUpload(gateway, start, 32 * MIB),
      await beginUpload(gateway, start, 32 * MIB),
    ]
    const client = await beginUpload(gateway, start, 32 * MIB)
    client.socket.resetAndDestroy()
    expect(await gateway.waitForLine(() => true)).toMatchObject({ status: 499 })
    await untilInFlight(gateway, holding.length)
  })
})

describe('a client that stays with an upload that the upstream does not take', () => {
  it('is waited for, and every byte of it passes once it is taken', async () => {
    const sum = { bytes: 0, isInOrder: true }
    const upstream = await startServer((message, response) => {
      setTimeout(() => {
        message.on('data', (chunk: Buffer) => {
          sum.isInOrder &&= chunk.every((byte, index) => byte === (sum.bytes + index) % 251)
          sum.bytes += chunk.length
        })
      }, 2500)
      message.on('end', () => response.end('{}'))
    })
    const gateway = await startGateway({ upstream, env: PATIENT })
    const body = Buffer.from(Uint8Array.from({ length: 24 * MIB }, (_, index) => index % 251))
    const response = await gateway.fetch('/v1/audio/transcriptions', {
      method: 'POST',
      headers: { 'content-type': 'audio/mpeg' },
      body,
    })
    expect(response.status).toBe(200)
    expect(sum).toEqual({ bytes: body.length, isInOrder: true })
  })

  it('leaves room for bodies that are not stuck', async () => {
    const upstream = await startServer((message, response) => {
      if (message.url !== '/v1/audio/transcriptions') response.end('{}')
    })
    const env = { ...PATIENT, BODY_LIMIT_MB: '16', BODY_MEMORY_LIMIT_MB: '32' }
    const gateway = await startGateway({ upstream, env })
    const start = audio(`content-length: ${16 * MIB}\r\n`)
    for (let i = 0; i < 4; i++) await beginUpload(gateway, start, 16 * MIB)
    await wait(1500)
    const json = JSON.stringify({ a: 'x'.repeat(3 * MIB) })
    const response = await gateway.fetch('/v1/chat/completions', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: json,
    })
    expect(response.status).toBe(200)
  })
})
