import { connect } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'

import { describe, expect, it } from 'vitest'

import { TEST_CREDENTIAL, TEST_TOKEN } from '../helpers/gateway.ts'
import { ledgerIsOpen, residentMib } from '../helpers/memory.ts'
import { listeningPort, startProcess } from '../helpers/process.ts'
import { startUpstream, writePlenty } from '../helpers/upstream.ts'

const STREAM_BYTES = 200 * 1024 * 1024
const CHUNK = Buffer.from(`data: ${'x'.repeat(64 * 1024)}\n\n`)
const MAX_GROWTH_MIB = 64
/** At full speed V8 lets dead read buffers reach 64 MiB before it collects them: far less than the stream all the same. */
const MAX_GROWTH_AT_SPEED_MIB = 128

describe.skipIf(process.platform !== 'linux')('a client that stops reading a 200 MB stream', () => {
  it('leaves the process within 64 MiB of idle, and the upstream waiting', async () => {
    let sent = 0
    const upstream = await startUpstream((_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      const onPiece = (): void => void (sent += CHUNK.length)
      writePlenty(response, { piece: CHUNK, totalBytes: STREAM_BYTES, onPiece })
    })
    const keystow = startProcess({
      env: {
        PORT: '0',
        UPSTREAM_API_KEY: TEST_CREDENTIAL,
        UPSTREAM_URL: upstream.origin,
        CLIENT_TOKENS: `alice:${TEST_TOKEN}`,
      },
    })
    const port = await listeningPort(keystow)
    const pid = keystow.child.pid ?? 0
    await ledgerIsOpen(pid)
    const idleMib = residentMib(pid)

    const socket = connect(port, '127.0.0.1')
    const body = '{"stream":true}'
    socket.write(
      `POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${TEST_TOKEN}\r\n` +
        `content-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
    )
    await new Promise((resolve) => socket.once('readable', resolve))
    socket.pause()
    await untilStill(() => sent)

    expect(sent).toBeLessThan(STREAM_BYTES / 2)
    expect(residentMib(pid) - idleMib).toBeLessThan(MAX_GROWTH_MIB)

    // It reads on, and gets all of it.
    let received = 0
    await new Promise<void>((resolve) => {
      socket.on('data', (chunk: Buffer) => {
        received += chunk.length
        if (chunk.subarray(-7).includes('\r\n0\r\n\r\n')) resolve()
      })
      socket.resume()
    })
    expect(received).toBeGreaterThan(STREAM_BYTES)
    expect(residentMib(pid) - idleMib).toBeLessThan(MAX_GROWTH_AT_SPEED_MIB)
    socket.destroy()
  })
})

/** Waits until a count has not changed for half a second. */
async function untilStill(count: () => number): Promise<void> {
  let last = -1
  while (count() !== last) {
    last = count()
    await wait(500)
  }
}
