import type { Socket } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'

import { describe, expect, it } from 'vitest'

import { startGateway, TEST_TOKEN } from '../helpers/gateway.ts'
import { startScriptedUpstream } from '../helpers/scripted-upstream.ts'

// An answer without a length and without chunks ends with its connection, so that one that was cut looks whole: half
// a sentence, half a number, half a tool call. A reset of the upstream's is no end, and a client of HTTP/1.0, which
// knows no other framing, is told by a reset.

const HEAD = 'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n'
const SHORT = '{"amount": 1'

interface Cut {
  readonly version: string
  readonly upstream: (socket: Socket) => unknown
  readonly path?: string
}

/** What a client reads, and how its connection ended. */
async function read({ version, upstream, path = '/v1/x' }: Cut) {
  const gateway = await startGateway({ upstream: await startScriptedUpstream(upstream) })
  const socket = gateway.connect()
  let text = ''
  let error: NodeJS.ErrnoException | undefined
  socket.on('error', (reason) => {
    error = reason
  })
  socket.on('data', (chunk: Buffer) => {
    text += chunk.toString('latin1')
  })
  socket.write(
    `GET ${path} HTTP/${version}\r\nhost: x\r\nauthorization: Bearer ${TEST_TOKEN}\r\n` +
      'connection: close\r\n\r\n',
  )
  // `once` would reject over the reset.
  await new Promise((resolve) => socket.once('close', resolve))
  const line = await gateway.waitForLine(() => true)
  return { text, code: error?.code, ending: line['ending'] }
}

async function sendAndReset(socket: Socket, bytes: string): Promise<void> {
  socket.write(bytes)
  await wait(50)
  socket.resetAndDestroy()
}

const FRAMED_BY_END: readonly (readonly [string, string])[] = [
  ['no length', `${HEAD}\r\n${SHORT}`],
  ['no length, and says that it closes', `${HEAD}connection: close\r\n\r\n${SHORT}`],
  ['no length, in HTTP/1.0', `HTTP/1.0 200 OK\r\n\r\n${SHORT}`],
]

describe('an answer that the upstream resets', () => {
  it.each(FRAMED_BY_END)('and that has %s is no whole one', async (_what, bytes) => {
    const { text, ending } = await read({
      version: '1.1',
      upstream: (socket) => sendAndReset(socket, bytes),
    })
    expect(text).toContain(SHORT)
    expect(text).not.toContain('\r\n0\r\n')
    expect(ending).toBe('aborted')
  })

  it.each(FRAMED_BY_END)('before its body, and that has %s, is 502', async (_what, bytes) => {
    const { text } = await read({
      version: '1.1',
      upstream: (socket) => sendAndReset(socket, bytes.slice(0, 12)),
    })
    expect(text).toMatch(/^HTTP\/1\.1 502 /)
  })

  it.each(FRAMED_BY_END)('is whole when it ends as it should (%s)', async (_what, bytes) => {
    const { text, ending } = await read({ version: '1.1', upstream: (socket) => socket.end(bytes) })
    expect(text).toContain('\r\n0\r\n\r\n')
    expect(ending).toBe('completed')
  })
})

describe('a client of HTTP/1.0', () => {
  it.each([
    ...FRAMED_BY_END,
    ['chunks', `${HEAD}transfer-encoding: chunked\r\n\r\nc\r\n${SHORT}\r\n`] as const,
    ['a length', `${HEAD}content-length: 100\r\n\r\n${SHORT}`] as const,
    [
      'events of no known form',
      'HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\ndata: 1\n\n',
    ] as const,
  ])('is told by a reset when an answer with %s is cut', async (_what, bytes) => {
    const { text, code, ending } = await read({
      version: '1.0',
      upstream: (socket) => sendAndReset(socket, bytes),
    })
    expect(text).toMatch(/^HTTP\/1\.1 200 OK/)
    expect([code, ending]).toEqual(['ECONNRESET', 'aborted'])
  })

  it('gets a whole one with an end', async () => {
    const { text, code, ending } = await read({
      version: '1.0',
      upstream: (socket) =>
        socket.end(`${HEAD}transfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n`),
    })
    expect(text).toMatch(/\r\n\r\n\{\}$/)
    expect([code, ending]).toEqual([undefined, 'completed'])
  })
})
