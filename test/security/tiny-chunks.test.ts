import { once } from 'node:events'

import { describe, expect, it } from 'vitest'

import { TEST_CREDENTIAL, TEST_TOKEN } from '../helpers/gateway.ts'
import { ledgerIsOpen, peakMib } from '../helpers/memory.ts'
import { listeningPort, startProcess } from '../helpers/process.ts'
import { connectRaw, type RawConnection } from '../helpers/raw.ts'
import { startUpstream } from '../helpers/upstream.ts'

// A body limit counts bytes, and memory does not: of a body in chunks of one byte every chunk becomes an object of a
// hundred bytes that holds on to the 64 KiB it was read with. Thirty-two million of them are a body within the limit
// and several gigabytes of memory.

const PER_WRITE = 10_000
const MAX_GROWTH_MIB = 96

async function start() {
  const upstream = await startUpstream(({ body }, response) => response.end(String(body.length)))
  const keystow = startProcess({
    env: {
      PORT: '0',
      UPSTREAM_API_KEY: TEST_CREDENTIAL,
      UPSTREAM_URL: upstream.origin,
      CLIENT_TOKENS: `alice:${TEST_TOKEN}`,
    },
  })
  const client = connectRaw(await listeningPort(keystow))
  return { upstream, client, pid: keystow.child.pid ?? 0 }
}

const head = (path: string, contentType: string): string =>
  `POST ${path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${TEST_TOKEN}\r\n` +
  `content-type: ${contentType}\r\ntransfer-encoding: chunked\r\n\r\n`

async function sendChunks(client: RawConnection, size: number, count: number): Promise<void> {
  const chunks = Buffer.from(`${size.toString(16)}\r\n${'x'.repeat(size)}\r\n`.repeat(PER_WRITE))
  const closed = once(client.socket, 'close')
  for (let sent = 0; sent < count && client.socket.writable; sent += PER_WRITE) {
    if (client.socket.write(chunks)) continue
    await Promise.race([once(client.socket, 'drain'), closed])
  }
}

const START = '8\r\n{"a":"xx\r\n'
const END = '2\r\n"}\r\n0\r\n\r\n'

describe.skipIf(process.platform !== 'linux')('a body in many chunks', () => {
  it.each([
    ['JSON', 'application/json', '/v1/chat/completions'],
    ['an upload', 'audio/mpeg', '/v1/audio/transcriptions'],
  ])('of one byte (%s) is refused long before its limit', async (_what, contentType, path) => {
    const { client, pid, upstream } = await start()
    await ledgerIsOpen(pid)
    const idleMib = peakMib(pid)
    client.send(head(path, contentType) + START)
    await sendChunks(client, 1, 2_000_000)
    client.send(END)
    const [answer] = await client.answers(1)
    expect(answer?.status).toBe(400)
    expect(answer?.body).toContain('too many small chunks')
    expect(peakMib(pid) - idleMib).toBeLessThan(MAX_GROWTH_MIB)
    expect(upstream.received).toHaveLength(0)
  })

  it('of a hundred bytes takes little more memory than its bytes', async () => {
    const { client, pid } = await start()
    await ledgerIsOpen(pid)
    const idleMib = peakMib(pid)
    client.send(head('/v1/chat/completions', 'application/json') + START)
    await sendChunks(client, 100, 200_000)
    client.send(END)
    const [answer] = await client.answers(1)
    expect(answer?.body).toBe(String(200_000 * 100 + 10))
    expect(peakMib(pid) - idleMib).toBeLessThan(MAX_GROWTH_MIB)
  })

  it('of one byte, that are few, passes', async () => {
    const { client } = await start()
    client.send(head('/v1/chat/completions', 'application/json') + START)
    await sendChunks(client, 1, 30_000)
    client.send(END)
    expect((await client.answers(1))[0]?.body).toBe('30010')
  })
})
