import { brotliCompressSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib'

import { describe, expect, it } from 'vitest'

import { startGateway, TEST_CREDENTIAL } from '../helpers/gateway.ts'
import { sendOverWire } from '../helpers/wire-client.ts'
import { startScriptedUpstream, writeApart } from '../helpers/scripted-upstream.ts'
import { startUpstream } from '../helpers/upstream.ts'

// A compressed answer cannot be searched, and its client would decode it all the same: an upstream that compresses
// what was asked for plain could give the credential back unseen. A few kilobytes can also become gigabytes.

const BODY = JSON.stringify({ id: 'x', text: '你好'.repeat(100), leak: TEST_CREDENTIAL })
const POST = { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{}' }

/** A zstd frame that holds nothing to decode (RFC 8878 section 3.1.2). */
const SKIPPED = Buffer.from('502a4d180400000061626364', 'hex')
const HALVES = [gzipSync(BODY).subarray(0, 99), gzipSync(BODY).subarray(99)] as const

const BODY_WITHOUT_LEAK = BODY.replace(TEST_CREDENTIAL, 'hk-[redacted]')

async function answerRaw(headers: string, body: Buffer) {
  const isChunked = headers.includes('chunked')
  const upstream = await startScriptedUpstream((socket) => {
    socket.write(`HTTP/1.1 200 OK\r\n${headers}\r\n`)
    socket.write(
      isChunked ? `\r\n${body.length.toString(16)}\r\n` : `content-length: ${body.length}\r\n\r\n`,
    )
    socket.write(body)
    socket.end(isChunked ? '\r\n0\r\n\r\n' : '')
  })
  const gateway = await startGateway({ upstream })
  return sendOverWire({ port: gateway.port })
}

async function answerTo(body: Buffer, headers: Record<string, string>) {
  const upstream = await startUpstream((_request, response) => {
    response.writeHead(200, {
      'content-type': 'application/json',
      'content-length': body.length,
      ...headers,
    })
    response.end(body)
  })
  const gateway = await startGateway({ upstream: upstream.origin })
  const response = await gateway.fetch('/v1/chat/completions', POST)
  return { response, upstream, gateway }
}

describe('an answer that came compressed', () => {
  it.each([
    ['gzip', gzipSync(BODY)],
    ['GZIP', gzipSync(BODY)],
    ['x-gzip', gzipSync(BODY)],
    ['deflate', deflateSync(BODY)],
    ['br', brotliCompressSync(BODY)],
    ['zstd', zstdCompressSync(BODY)],
    ['gzip, gzip', gzipSync(gzipSync(BODY))],
    ['identity, gzip', gzipSync(BODY)],
    [' gzip , ', gzipSync(BODY)],
    ['GzIp,Br', brotliCompressSync(gzipSync(BODY))],
    ['gzip', Buffer.concat([gzipSync(BODY.slice(0, 99)), gzipSync(BODY.slice(99))])],
    [
      'zstd',
      Buffer.concat([zstdCompressSync(BODY.slice(0, 99)), zstdCompressSync(BODY.slice(99))]),
    ],
    ['zstd', Buffer.concat([SKIPPED, zstdCompressSync(BODY), SKIPPED])],
    ['zstd', Buffer.concat(Array.from(BODY, (character) => zstdCompressSync(character)))],
    ['gzip', Buffer.concat(Array.from(BODY, (character) => gzipSync(character)))],
    ['gzip, zstd', Buffer.concat([zstdCompressSync(HALVES[0]), zstdCompressSync(HALVES[1])])],
  ])('as %s is decoded, searched and sent plain', async (encoding, body) => {
    const { response, upstream } = await answerTo(body, { 'content-encoding': encoding })
    expect(upstream.received[0]?.message.headers['accept-encoding']).toBe('identity')
    expect(response.headers.get('content-encoding')).toBeNull()
    expect(response.headers.get('content-length')).toBeNull()
    expect(await response.text()).toBe(BODY_WITHOUT_LEAK)
  })

  it('as a stream arrives event by event', async () => {
    const gzip = await import('node:zlib').then(({ createGzip }) => createGzip())
    let proceed = (): void => {}
    const upstream = await startUpstream((_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream', 'content-encoding': 'gzip' })
      gzip.pipe(response)
      gzip.write('data: 1\n\n')
      gzip.flush()
      proceed = () => gzip.end('data: [DONE]\n\n')
    })
    const gateway = await startGateway({ upstream: upstream.origin })
    const response = await gateway.fetch('/v1/chat/completions', POST)
    let text = ''
    for await (const chunk of response.body ?? []) {
      text += new TextDecoder().decode(chunk)
      if (text === 'data: 1\n\n') proceed()
    }
    expect(text).toBe('data: 1\n\ndata: [DONE]\n\n')
  })

  it.each([
    ['an encoding nobody knows', 'snappy', gzipSync(BODY)],
    ['more layers than anybody needs', 'gzip, gzip, gzip', gzipSync(BODY)],
    ['bytes that are not what they say', 'gzip', Buffer.from(BODY)],
    ['one layer that is said twice', 'gzip, gzip', gzipSync(BODY)],
    ['a parameter', 'gzip;q=1', gzipSync(BODY)],
    ['another coding than it says', 'br', gzipSync(BODY)],
    ['half of a head', 'gzip', gzipSync(BODY).subarray(0, 5)],
    ['the name of what every object has', 'constructor', gzipSync(BODY)],
    ['compress, which nobody uses', 'compress', gzipSync(BODY)],
    ['one small frame after the other', 'zstd', Buffer.concat(Array(9999).fill(SKIPPED))],
  ])('with %s is answered 502', async (_what, encoding, body) => {
    const { response } = await answerTo(body, { 'content-encoding': encoding })
    expect(response.status).toBe(502)
    expect(await response.json()).toMatchObject({ error: { code: 'upstream_unavailable' } })
  })

  it.each([
    ['content-encoding: gzip\r\ncontent-encoding: gzip', gzipSync(gzipSync(BODY))],
    ['content-encoding: br\r\nCONTENT-ENCODING: X-GZIP', gzipSync(brotliCompressSync(BODY))],
  ])('under %j is decoded and searched', async (headers, body) => {
    const { head, body: plain } = await answerRaw(headers, body)
    expect(head).not.toMatch(/gzip|br\r/)
    expect(plain).toBe(Buffer.from(BODY_WITHOUT_LEAK).toString('latin1'))
  })

  it.each([
    'content-encoding: gzip\r\ncontent-encoding: snappy',
    'transfer-encoding: gzip, chunked',
    'transfer-encoding: snappy, chunked',
    'transfer-encoding: chunked, chunked',
    'content-encoding: gzip\r\ncontent-encoding: gzip\r\ntransfer-encoding: gzip, chunked',
  ])('under %j is answered 502', async (headers) => {
    const { wire, status } = await answerRaw(headers, gzipSync(gzipSync(BODY)))
    expect(status).toBe(502)
    expect(wire).not.toContain('\u001f\u008b')
  })

  it.each([
    [200, 'gzip'],
    [204, 'gzip'],
    [304, 'gzip'],
    [204, 'snappy'],
    [304, 'snappy'],
  ])('without a body, %i, is passed on, encoded as %s or not', async (status, encoding) => {
    const upstream = await startScriptedUpstream((socket) =>
      socket.end(
        `HTTP/1.1 ${status} X\r\ncontent-encoding: ${encoding}\r\nconnection: close\r\n\r\n`,
      ),
    )
    const gateway = await startGateway({ upstream })
    const { status: passed, head } = await sendOverWire({ port: gateway.port })
    expect(passed).toBe(status)
    expect(head).not.toContain(encoding)
  })

  it('is passed on to HEAD, whatever it would have been encoded as', async () => {
    const upstream = await startUpstream((_request, response) => {
      response.writeHead(200, { 'content-encoding': 'snappy', 'content-length': 9 }).end()
    })
    const gateway = await startGateway({ upstream: upstream.origin })
    const response = await gateway.fetch('/v1/models', { method: 'HEAD' })
    expect(response.status).toBe(200)
    expect(response.headers.get('content-length')).toBeNull()
  })

  it('is passed on up to what breaks it, and then cut', async () => {
    const numbers = Array.from({ length: 200_000 }, (_, index) => (index * 7919) % 99_991)
    const text = numbers.join(' ')
    const broken = gzipSync(text)
    const half = Math.floor(broken.length / 2)
    broken.fill(0xff, half, half + 100)
    const { body, isWhole } = await answerRaw('content-encoding: gzip', broken)
    expect(isWhole).toBe(false)
    expect(body.length).toBeGreaterThan(10_000)
    expect(text.startsWith(body.slice(0, 10_000))).toBe(true)
    expect(body.includes(broken.subarray(50_000, 50_020).toString('latin1'))).toBe(false)
  })

  it('is cut when it grows out of all proportion', async () => {
    const bomb = gzipSync(Buffer.alloc(64 * 1024 * 1024))
    const { response } = await answerTo(bomb, { 'content-encoding': 'gzip' })
    await expect(response.arrayBuffer()).rejects.toThrow('terminated')
  })

  it.each([
    ['deflate', Buffer.concat([deflateSync(BODY), deflateSync(BODY)])],
    ['deflate', Buffer.concat([deflateSync(BODY), Buffer.from('more')])],
    ['br', Buffer.concat([brotliCompressSync(BODY), brotliCompressSync(BODY)])],
    ['br', Buffer.concat([brotliCompressSync(BODY), Buffer.alloc(1)])],
    ['gzip', Buffer.concat([gzipSync(BODY), Buffer.from('more')])],
    ['gzip', Buffer.concat([gzipSync(BODY), Buffer.alloc(9)])],
    ['zstd', Buffer.concat([zstdCompressSync(BODY), Buffer.from('more')])],
    ['zstd', Buffer.concat([SKIPPED, zstdCompressSync(BODY).subarray(0, -5)])],
    ['zstd', Buffer.concat([zstdCompressSync(BODY), zstdCompressSync(BODY).subarray(0, -5)])],
    ['gzip', Buffer.concat([gzipSync(BODY), gzipSync(BODY).subarray(0, -5)])],
    ['deflate, gzip', gzipSync(Buffer.concat([deflateSync(BODY), deflateSync(BODY)]))],
  ])('as %s has no clean end when not all of it can be decoded', async (encoding, body) => {
    for (const size of [body.length, 7]) {
      const pieces = Array.from({ length: Math.ceil(body.length / size) }, (_, index) =>
        body.subarray(index * size, (index + 1) * size),
      )
      const upstream = await startScriptedUpstream(async (socket) => {
        socket.write(
          `HTTP/1.1 200 OK\r\ncontent-encoding: ${encoding}\r\ncontent-length: ${body.length}\r\n\r\n`,
        )
        await writeApart(socket, pieces)
      })
      const gateway = await startGateway({ upstream })
      const { status, isWhole } = await sendOverWire({ port: gateway.port })
      expect(status === 502 || !isWhole).toBe(true)
    }
  })

  it('is cut when it ends in the middle', async () => {
    const body = gzipSync(Buffer.from(Array.from({ length: 100_000 }, () => Math.random() * 256)))
    const half = body.subarray(0, body.length / 2)
    const { response } = await answerTo(half, { 'content-encoding': 'gzip' })
    await expect(response.arrayBuffer()).rejects.toThrow('terminated')
  })

  it('stays back-pressured: a reader that stops makes the upstream wait', async () => {
    const piece = gzipSync(
      Buffer.from(Array.from({ length: 64 * 1024 }, () => Math.random() * 256)),
    )
    let sent = 0
    const upstream = await startUpstream((_request, response) => {
      response.writeHead(200, { 'content-encoding': 'gzip' })
      const send = (): void => {
        while (sent < 100 * 1024 * 1024) {
          sent += piece.length
          if (!response.write(piece)) return void response.once('drain', send)
        }
        response.end()
      }
      send()
    })
    const gateway = await startGateway({ upstream: upstream.origin })
    const response = await gateway.fetch('/v1/files-like', POST)
    await new Promise((resolve) => setTimeout(resolve, 500))
    expect(sent).toBeLessThan(50 * 1024 * 1024)
    await response.body?.cancel()
  })
})
