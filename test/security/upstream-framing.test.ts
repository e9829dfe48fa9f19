import { describe, expect, it } from 'vitest'

import { startGateway, TEST_CREDENTIAL } from '../helpers/gateway.ts'
import { openRaw, rawRequest } from '../helpers/raw.ts'
import { startRawUpstream } from '../helpers/raw-upstream.ts'

// An upstream that is broken, or hostile, frames its answers so that programs on the way read them differently: what
// one takes for the end of this answer is the beginning of another client's. Each of these gets a 502 or, where the
// answer had begun, a broken connection; never a short answer that looks whole, and the next client gets its own.

const OK = 'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n'
const BODY = '\r\n{}'
const CHUNKED = `${OK}transfer-encoding: chunked\r\n\r\n`
const LENGTH = 'content-length: 2\r\n'
const SECRET = TEST_CREDENTIAL.slice('hk-'.length)

const SECOND_ANSWER = `${OK}content-length: 8\r\n\r\npoisoned`

async function start(answer: string) {
  const upstream = await startRawUpstream({
    onRequest(socket, line) {
      if (line.includes('/v1/victim')) {
        return socket.write('HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nvictim')
      }
      socket.write(Buffer.from(answer, 'latin1'))
      // What is framed by the end of the connection ends, and what waits for more does not.
      return socket.end()
    },
  })
  const gateway = await startGateway({
    upstream: upstream.origin,
    // So that the next client gets the connection of this one, if it may.
    env: { UPSTREAM_CONNECTIONS: '1' },
  })
  const client = openRaw(gateway)
  client.send(rawRequest('GET', '/v1/x'))
  return { client, gateway }
}

async function expectVictims(gateway: Awaited<ReturnType<typeof start>>['gateway']): Promise<void> {
  for (let i = 0; i < 3; i++) {
    const response = await gateway.fetch('/v1/victim')
    expect([response.status, await response.text()]).toEqual([200, 'victim'])
  }
}

describe('an answer whose head is none', () => {
  it.each([
    ['a length and chunks', `${OK}${LENGTH}transfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n`],
    ['chunks and a length', `${OK}transfer-encoding: chunked\r\n${LENGTH}\r\n2\r\n{}\r\n0\r\n\r\n`],
    ['a negative length', `${OK}content-length: -2\r\n${BODY}`],
    ['a length with a plus', `${OK}content-length: +2\r\n${BODY}`],
    ['a length in hex', `${OK}content-length: 0x2\r\n${BODY}`],
    ['a list of lengths', `${OK}content-length: 2, 2\r\n${BODY}`],
    ['one length twice', `${OK}${LENGTH}${LENGTH}${BODY}`],
    ['two lengths', `${OK}${LENGTH}content-length: 3\r\n${BODY}`],
    ['an empty length', `${OK}content-length:\r\n${BODY}`],
    ['a length nobody can count', `${OK}content-length: 9007199254740993\r\n${BODY}`],
    ['a length beyond 64 bits', `${OK}content-length: 99999999999999999999\r\n${BODY}`],
    ['gzip, chunked', `${OK}transfer-encoding: gzip, chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n`],
    ['gzip', `${OK}transfer-encoding: gzip\r\n${BODY}`],
    ['identity', `${OK}transfer-encoding: identity\r\n${BODY}`],
    ['xchunked', `${OK}transfer-encoding: xchunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n`],
    ['chunked twice', `${OK}${'transfer-encoding: chunked\r\n'.repeat(2)}\r\n2\r\n{}\r\n0\r\n\r\n`],
    ['chunked behind a vertical tab', `${OK}transfer-encoding: \x0bchunked\r\n${BODY}`],
    ['bare LF', `HTTP/1.1 200 OK\n${LENGTH.replace('\r', '')}\n{}`],
    ['a folded header', `${OK}x: a\r\n b\r\n${LENGTH}${BODY}`],
    ['a bare CR', `${OK}x: a\rb\r\n${LENGTH}${BODY}`],
    ['NUL', `${OK}x: a\0b\r\n${LENGTH}${BODY}`],
    ['a space before the colon', `${OK}content-length : 2\r\n${BODY}`],
    ['a header without a name', `${OK}: b\r\n${LENGTH}${BODY}`],
    ['a header without a colon', `${OK}abc\r\n${LENGTH}${BODY}`],
    ...['99', '099', '000', '600', '999', '1000', '-200', '20x', ''].map(
      (status): [string, string] => [
        `the status "${status}"`,
        `HTTP/1.1 ${status} X\r\n${LENGTH}${BODY}`,
      ],
    ),
    ['a body of bad chunks', `${CHUNKED}zz\r\n{}\r\n0\r\n\r\n`],
    ['a body of a negative chunk', `${CHUNKED}-2\r\n{}\r\n0\r\n\r\n`],
    ['a body of an endless chunk', `${CHUNKED}fffffffffffffffff\r\n{}\r\n0\r\n\r\n`],
    ['a body of chunks in bare LF', `${CHUNKED}2\n{}\n0\n\n`],
    [
      'a body of bad chunks, in a stream',
      `${CHUNKED.replace('application/json', 'text/event-stream')}zz\r\n`,
    ],
    ['no HTTP', '<html>hello</html>'],
    ['one byte', 'g'],
    ['the beginning of one', 'HTTP/1.1 200 OK\r\ncontent-'],
    ['another protocol', 'SSH-2.0-OpenSSH_9.6\r\n'],
    ['garbage behind a 1xx', 'HTTP/1.1 103 Early Hints\r\n\r\ngarbage\r\n\r\n'],
    ['nothing', ''],
    ['100 and no more', 'HTTP/1.1 100 Continue\r\n\r\n'],
    ['101', `HTTP/1.1 101 X\r\n\r\n${OK}${LENGTH}${BODY}`],
    ['300 headers', `${OK}${'a: b\r\n'.repeat(300)}${LENGTH}${BODY}`],
    ['a header of 1 MB', `${OK}x: ${'y'.repeat(1024 * 1024)}\r\n${LENGTH}${BODY}`],
    ['a reason of 40 KB', `HTTP/1.1 200 ${'y'.repeat(40 * 1024)}\r\n${LENGTH}${BODY}`],
    ['a reason of 70 KB', `HTTP/1.1 200 ${'y'.repeat(70 * 1024)}\r\n${LENGTH}${BODY}`],
    [
      'a reason of 70 KB behind a 1xx',
      `HTTP/1.1 103 X\r\n\r\nHTTP/1.1 200 ${'y'.repeat(70 * 1024)}\r\n${LENGTH}${BODY}`,
    ],
    ['a header flood', `${OK}${'abcdefgh: abcdefgh\r\n'.repeat(10_000)}${LENGTH}${BODY}`],
  ])('(%s) is 502', async (_what, bytes) => {
    const { client, gateway } = await start(bytes)
    const [answer] = await client.answers(1)
    expect(answer?.status).toBe(502)
    expect(JSON.parse(answer?.body ?? '')).toMatchObject({
      error: { code: 'upstream_unavailable' },
    })
    await expectVictims(gateway)
  })
})

describe('a body that is not what its head said', () => {
  it.each([
    ['shorter than its length', `${OK}content-length: 10\r\n${BODY}`],
    ['of bad chunks', `${CHUNKED}1\r\n{\r\nzz\r\n{}\r\n0\r\n\r\n`],
    ['of a negative chunk', `${CHUNKED}1\r\n{\r\n-2\r\n{}\r\n0\r\n\r\n`],
    ['of an endless chunk', `${CHUNKED}1\r\n{\r\nfffffffffffffffff\r\n{}\r\n0\r\n\r\n`],
    ['of chunks in bare LF', `${CHUNKED}1\r\n{\r\n2\n{}\n0\n\n`],
    ['of a chunk longer than its size', `${CHUNKED}1\r\n{}\r\n0\r\n\r\n`],
    ['cut before the last chunk', `${CHUNKED}2\r\n{}\r\n`],
    ['with a flood of trailers', `${CHUNKED}2\r\n{}\r\n0\r\n${'a: b\r\n'.repeat(50_000)}\r\n`],
  ])('(%s) ends in a broken connection, not in an end', async (_what, bytes) => {
    const { client, gateway } = await start(bytes)
    await expect(client.answers(1)).rejects.toThrow('closed before')
    expect(client.text()).toMatch(/^HTTP\/1\.1 200 OK\r\n/)
    expect(client.text()).not.toContain('\r\n0\r\n\r\n')
    await expectVictims(gateway)
  })

  it.each([
    ['longer than its length', `${OK}${LENGTH}${BODY}{}{}`],
    ['followed by another answer', `${OK}${LENGTH}${BODY}${SECOND_ANSWER}`],
    ['of chunks, followed by another answer', `${CHUNKED}2\r\n{}\r\n0\r\n\r\n${SECOND_ANSWER}`],
    [
      'behind many 1xx',
      `${'HTTP/1.1 103 Early Hints\r\nlink: <x>\r\n\r\n'.repeat(30)}${OK}${LENGTH}${BODY}`,
    ],
    ['framed by the end of the connection', `${OK}${BODY}`],
    ['in HTTP/1.0', `HTTP/1.0 200 OK\r\n${BODY}`],
    ['with a chunk extension', `${CHUNKED}2;x="${SECRET}"\r\n{}\r\n0\r\n\r\n`],
    ['with trailers', `${CHUNKED}2\r\n{}\r\n0\r\nx-key: ${SECRET}\r\n\r\n`],
    ['with a reason of 20 KB', `HTTP/1.1 200 ${'y'.repeat(20 * 1024)}\r\n${LENGTH}${BODY}`],
    ['with a strange reason', `HTTP/1.1 200 ${SECRET}\xff\r\n${LENGTH}${BODY}`],
  ])('(%s) is passed on so far as it was said', async (_what, bytes) => {
    const { client, gateway } = await start(bytes)
    const [answer] = await client.answers(1)
    expect([answer?.status, answer?.body]).toEqual([200, '{}'])
    expect(client.text()).not.toContain(SECRET)
    expect(client.text()).not.toContain('poisoned')
    await expectVictims(gateway)
  })

  it.each([
    [204, undefined],
    [304, '2'],
  ])('(a %i with one) is passed on without it', async (status, length) => {
    const { client, gateway } = await start(
      `HTTP/1.1 ${status} X\r\n${LENGTH}\r\n{}${SECOND_ANSWER}`,
    )
    const [answer] = await client.answers(1)
    expect([answer?.status, answer?.body]).toEqual([status, ''])
    expect(answer?.headers['content-length']).toBe(length)
    expect(client.text()).not.toContain('poisoned')
    await expectVictims(gateway)
  })
})
