import { describe, expect, test } from 'vitest'

import {
  lastReceived,
  openSocket,
  parseEvents,
  post,
  postChat,
  rawChat,
  readDeltas,
  readRaw,
  startDemo,
  until,
  untilData,
} from './demo-helpers.ts'

const STREAM = { stream: true }
const LAST_CHUNK = '0\r\n\r\n'

describe('a stream that breaks off', () => {
  test('demo-reset-midstream resets after five deltas', async () => {
    const demo = await startDemo()
    const { text, errorCode } = await readRaw(demo, rawChat('demo-reset-midstream', STREAM))
    expect(readDeltas(text)).toHaveLength(5)
    expect(errorCode).toBe('ECONNRESET')
    await lastReceived(demo).closed
    expect(lastReceived(demo).outcome).toBe('aborted')
  })

  test('demo-close-midstream closes after five deltas without the last chunk', async () => {
    const demo = await startDemo()
    const { text, errorCode } = await readRaw(demo, rawChat('demo-close-midstream', STREAM))
    expect(readDeltas(text)).toHaveLength(5)
    expect(text).not.toContain(LAST_CHUNK)
    expect(errorCode).toBeUndefined()
    await lastReceived(demo).closed
    expect(lastReceived(demo).outcome).toBe('aborted')
  })

  test('demo-clean-eof ends well for HTTP after five deltas', async () => {
    const demo = await startDemo()
    const { text } = await readRaw(demo, rawChat('demo-clean-eof', STREAM))
    expect(readDeltas(text)).toHaveLength(5)
    expect(text.endsWith(LAST_CHUNK)).toBe(true)
    expect(text).not.toMatch(/"finish_reason":"|\[DONE\]/)
    await lastReceived(demo).closed
    expect(lastReceived(demo).outcome).toBe('finished')
  })

  test('breaks off before the end of an answer of fewer deltas', async () => {
    const demo = await startDemo()
    const options = { ...STREAM, max_tokens: 2 }
    const { text } = await readRaw(demo, rawChat('demo-clean-eof', options))
    expect(readDeltas(text)).toHaveLength(2)
    expect(text).not.toContain('[DONE]')
  })

  test('demo-error-event sends an error as data and ends', async () => {
    const demo = await startDemo()
    const events = parseEvents(await (await postChat(demo, 'demo-error-event', STREAM)).text())
    expect(events).toHaveLength(7)
    expect(events.at(-1)).toMatchObject({
      error: { type: 'server_error', code: 'demo_stream_error' },
    })
  })

  test.each([
    ['/v1/chat/completions', { messages: [{ role: 'user', content: 'x' }] }],
    ['/v1/responses', { input: 'x' }],
  ])('demo-named-error sends event: error on %s and ends', async (path, body) => {
    const demo = await startDemo()
    const response = await post(demo, path, { model: 'demo-named-error', ...STREAM, ...body })
    const text = await response.text()
    expect(text).toMatch(/\n\nevent: error\ndata: [^\n]+\n\n$/)
    expect(parseEvents(text).at(-1)).toMatchObject({
      type: 'error',
      code: 'demo_stream_error',
      error: { code: 'demo_stream_error' },
    })
  })
})

describe('a stream that is silent', () => {
  test('demo-hang-headers-sent sends headers and no byte of the body', async () => {
    const demo = await startDemo()
    const socket = openSocket(demo, rawChat('demo-hang-headers-sent', STREAM))
    const head = (await untilData(socket)).toString()
    expect(head).toMatch(/^HTTP\/1\.1 200 OK\r\n/)
    expect(head.endsWith('\r\n\r\n')).toBe(true)
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect(socket.bytesRead).toBe(Buffer.byteLength(head))
    socket.destroy()
    await lastReceived(demo).closed
    expect(lastReceived(demo).outcome).toBe('aborted')
  })

  test('demo-silent-gap-<ms> goes on after the gap', async () => {
    const demo = await startDemo()
    const startedAtMs = performance.now()
    const socket = openSocket(demo, rawChat('demo-silent-gap-120', STREAM))
    let text = ''
    socket.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')))
    await until(() => demo.bill()[0]?.outputTokens === 5)
    await until(() => demo.bill()[0]?.outcome === 'finished')
    // A timer may fire a millisecond early.
    expect(performance.now() - startedAtMs).toBeGreaterThan(118)
    await until(() => text.includes('data: [DONE]'))
  })
})

describe('a stream cut in unusual places', () => {
  test('demo-split-utf8 cuts every multi-byte character in two writes', async () => {
    const demo = await startDemo()
    const options = { ...STREAM, max_tokens: 4 }
    const { bytes } = await readRaw(demo, rawChat('demo-split-utf8', options))
    const writes = listHttpChunks(bytes)
    expect(readDeltas(Buffer.concat(writes).toString())).toEqual(['你', '好', '！', '你'])
    // Each character ends one write with its first byte and begins the next with the others.
    const broken = writes.filter((write) => (write.at(-1) ?? 0) >= 0xc0)
    expect(broken).toHaveLength(4)
    for (const write of writes) expect(write.toString()).toMatch(/^[\0-\u007f\ufffd]*$/)
  })

  test('demo-split-events cuts every event in two writes', async () => {
    const demo = await startDemo()
    const options = { ...STREAM, max_tokens: 2 }
    const { bytes } = await readRaw(demo, rawChat('demo-split-events', options))
    const writes = listHttpChunks(bytes).map(String)
    // Role, two deltas, finish and [DONE], each in two.
    expect(writes).toHaveLength(10)
    for (const [index, write] of writes.entries()) {
      expect(write.startsWith('data: ')).toBe(index % 2 === 0)
    }
    expect(writes.join('').endsWith('data: [DONE]\n\n')).toBe(true)
  })

  test('demo-many-in-one puts four events into each write', async () => {
    const demo = await startDemo()
    const options = { ...STREAM, max_tokens: 6 }
    const { bytes } = await readRaw(demo, rawChat('demo-many-in-one', options))
    const counts = listHttpChunks(bytes).map(countEvents)
    expect(counts).toEqual([4, 4, 1])
  })

  test('an ordinary stream puts each event into its own write', async () => {
    const demo = await startDemo()
    const { bytes } = await readRaw(demo, rawChat('gpt-4o', { ...STREAM, max_tokens: 6 }))
    const counts = listHttpChunks(bytes).map(countEvents)
    expect(counts).toEqual([1, 1, 1, 1, 1, 1, 1, 1, 1])
  })
})

/** The chunks of a chunked answer, as they were written. */
function listHttpChunks(bytes: Buffer): Buffer[] {
  const chunks: Buffer[] = []
  let at = bytes.indexOf('\r\n\r\n') + 4
  while (at < bytes.length) {
    const start = bytes.indexOf('\r\n', at) + 2
    const size = Number.parseInt(bytes.toString('latin1', at, start), 16)
    if (size === 0) return chunks
    chunks.push(bytes.subarray(start, start + size))
    at = start + size + 2
  }
  throw new Error('the last chunk is missing')
}

function countEvents(write: Buffer): number {
  return write.toString().split('data: ').length - 1
}
