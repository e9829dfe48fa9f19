import { describe, expect, it } from 'vitest'

import { startGateway } from '../helpers/gateway.ts'
import { openRaw, rawRequest } from '../helpers/raw.ts'
import { echo, startUpstream } from '../helpers/upstream.ts'

// Where two programs on a request's way disagree about its end, what one takes for a body the other takes for the
// next request, which then runs in another caller's name. So a message that can be read in two ways gets one 400,
// nothing behind it on its connection is carried out, and the connection closes.

const VICTIM = rawRequest('GET', '/v1/victim')

const post = (head: string, body = '0\r\n\r\n'): string =>
  rawRequest('POST', '/v1/audio/speech', { head: `content-type: text/plain\r\n${head}`, body })

const http10 = (request: string): string => request.replace('HTTP/1.1', 'HTTP/1.0')

const chunked = (body: string): string => post('transfer-encoding: chunked\r\n', body)

const AMBIGUOUS: readonly [what: string, bytes: string][] = [
  ['a length and chunks', post('content-length: 5\r\ntransfer-encoding: chunked\r\n')],
  ['chunks and a length', post('transfer-encoding: chunked\r\ncontent-length: 5\r\n')],
  ['chunks in HTTP/1.0', http10(post('transfer-encoding: chunked\r\n'))],
  ['chunked, identity', post('transfer-encoding: chunked, identity\r\n')],
  ['identity', post('transfer-encoding: identity\r\n')],
  ['gzip, chunked', post('transfer-encoding: gzip, chunked\r\n')],
  ['xchunked', post('transfer-encoding: xchunked\r\n')],
  ['chunked behind a vertical tab', post('transfer-encoding: \x0bchunked\r\n')],
  ['chunked behind a hard space', post('transfer-encoding: \xa0chunked\r\n')],
  ['chunked in quotes', post('transfer-encoding: "chunked"\r\n')],
  ['chunked with a parameter', post('transfer-encoding: chunked;q=1\r\n')],
  ['chunked behind a comma', post('transfer-encoding: ,chunked\r\n')],
  ['chunked twice', post('transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n')],
  ['chunked and identity', post('transfer-encoding: chunked\r\ntransfer-encoding: identity\r\n')],
  ['an empty encoding', post('transfer-encoding:\r\n', '')],
  ['a space before the colon', post('transfer-encoding : chunked\r\n')],
  ['a length folded into the next line', post('content-length:\r\n 5\r\n', 'hello')],
  ['a folded header', rawRequest('GET', '/v1/x', { head: 'x: a\r\n b\r\n' })],
  ['a length with a plus', post('content-length: +5\r\n', 'hello')],
  ['a negative length', post('content-length: -5\r\n', 'hello')],
  ['a length in hex', post('content-length: 0x5\r\n', 'hello')],
  ['a length with a point', post('content-length: 5.0\r\n', 'hello')],
  ['a length in two words', post('content-length: 5 5\r\n', 'hello')],
  ['a list of lengths', post('content-length: 5, 5\r\n', 'hello')],
  ['one length twice', post('content-length: 5\r\ncontent-length: 5\r\n', 'hello')],
  ['two lengths', post('content-length: 5\r\ncontent-length: 6\r\n', 'hello')],
  ['an empty length', post('content-length:\r\n', 'hello')],
  ['a length beyond 64 bits', post('content-length: 99999999999999999999\r\n', 'hello')],
  ['a chunk size beyond 64 bits', chunked('fffffffffffffffff\r\nx\r\n0\r\n\r\n')],
  ['a negative chunk size', chunked('-1\r\nx\r\n0\r\n\r\n')],
  ['a chunk size with a prefix', chunked('0x1\r\nx\r\n0\r\n\r\n')],
  ['a chunk size with a space', chunked('1 \r\nx\r\n0\r\n\r\n')],
  ['no chunk size', chunked('\r\nx\r\n0\r\n\r\n')],
  ['a chunk longer than its size', chunked('1\r\nxx\r\n0\r\n\r\n')],
  ['chunks that end in bare LF', chunked('1\nx\n0\n\n')],
  ['a bare LF in a chunk extension', chunked('1;a=b\nx\r\n0\r\n\r\n')],
  ['a bare CR in a chunk extension', chunked('1;a\rb\r\nx\r\n0\r\n\r\n')],
  ['a length in the trailers', chunked('1\r\nx\r\n0\r\ncontent-length: 50\r\n\r\n')],
  ['bare LF for every line end', rawRequest('GET', '/v1/x').replaceAll('\r\n', '\n')],
  ['one bare LF', rawRequest('GET', '/v1/x').replace('host: x\r\n', 'host: x\n')],
  ['a bare CR', rawRequest('GET', '/v1/x').replace('host: x\r\n', 'host: x\ry: z\r\n')],
  ['a header that begins with a space', rawRequest('GET', '/v1/x').replace('host', ' host')],
  ['a header without a colon', rawRequest('GET', '/v1/x', { head: 'xyz\r\n' })],
  ['a header without a name', rawRequest('GET', '/v1/x', { head: ': y\r\n' })],
  ['NUL in a value', rawRequest('GET', '/v1/x', { head: 'x: a\0b\r\n' })],
  ['NUL in a name', rawRequest('GET', '/v1/x', { head: 'x\0: a\r\n' })],
  ['a control character in a value', rawRequest('GET', '/v1/x', { head: 'x: a\x1bb\r\n' })],
  ['a byte over 127 in a name', rawRequest('GET', '/v1/x', { head: 'x\xff: a\r\n' })],
  ['two hosts', rawRequest('GET', '/v1/x', { head: 'host: y\r\n' })],
  ['one host twice', rawRequest('GET', '/v1/x', { head: 'host: x\r\n' })],
  ['no host', rawRequest('GET', '/v1/x').replace('host: x\r\n', '')],
  ...['x/y', 'a@b', 'a,b', 'a b', '\xe4', 'a:b', 'a:99999', '[::1', '', 'x#', 'x?y'].map(
    (host): [string, string] => [
      `the host "${host}"`,
      rawRequest('GET', '/v1/x').replace('host: x', `host: ${host}`),
    ],
  ),
  ['HTTP/2.0 in the request line', rawRequest('GET', '/v1/x').replace('HTTP/1.1', 'HTTP/2.0')],
  ['HTTP/1.2', rawRequest('GET', '/v1/x').replace('HTTP/1.1', 'HTTP/1.2')],
  ['the preface of HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
  ['no version', 'GET /v1/x\r\n'],
  ['a version in lower case', rawRequest('GET', '/v1/x').replace('HTTP', 'http')],
  ['a space in the target', rawRequest('GET', '/v1/x y')],
  ['tabs in the request line', rawRequest('GET', '/v1/x').replaceAll(/ (?=\/|HTTP)/g, '\t')],
  ['the PROXY protocol', `PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n${rawRequest('GET', '/v1/x')}`],
  ['TLS', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'],
  ['an authority for a target', rawRequest('GET', 'evil.example:443')],
  ['a byte over 127 in the target', rawRequest('GET', '/v1/\xff')],
  ['a method in lower case', rawRequest('get', '/v1/x')],
  ['a method nobody knows', rawRequest('FOO', '/v1/x')],
]

describe('a message that can be read in two ways', () => {
  it.each(AMBIGUOUS)(
    '(%s) is one 400, and nothing behind it is carried out',
    async (_what, bytes) => {
      const upstream = await startUpstream(echo)
      const gateway = await startGateway({ upstream: upstream.origin })
      const attacker = openRaw(gateway)
      attacker.send(bytes + VICTIM)
      const [answer, ...more] = await attacker.untilClosed()
      expect(answer?.status).toBe(400)
      expect(answer?.headers['connection']).toBe('close')
      expect(JSON.parse(answer?.body ?? '')).toMatchObject({ error: { code: 'bad_request' } })
      expect(more).toEqual([])
      expect(upstream.received).toHaveLength(0)

      const response = await gateway.fetch('/v1/victim')
      expect(await response.json()).toMatchObject({ method: 'GET', url: '/v1/victim', body: '' })
    },
  )
})

describe('a message that can be read in one way only', () => {
  it.each([
    ['a tab before chunked', post('transfer-encoding:\tchunked\r\n'), ''],
    ['Chunked', post('transfer-encoding: Chunked\r\n', '1\r\nx\r\n0\r\n\r\n'), 'x'],
    ['a chunk extension', chunked('1;a=b\r\nx\r\n0\r\n\r\n'), 'x'],
    ['trailers', chunked('1\r\nx\r\n0\r\nx-t: y\r\nauthorization: z\r\n\r\n'), 'x'],
    ['a length with zeros before it', post('content-length: 0005\r\n', 'hello'), 'hello'],
    ['names with underscores', post('transfer_encoding: chunked\r\ncontent-length: 0\r\n', ''), ''],
    [
      'names of JavaScript',
      post('__proto__: x\r\nconstructor: y\r\ncontent-length: 0\r\n', ''),
      '',
    ],
    [
      'HTTP/1.0 that keeps alive',
      http10(post('connection: keep-alive\r\ncontent-length: 1\r\n', 'x')),
      'x',
    ],
    [
      'more spaces than one in its first line',
      post('content-length: 1\r\n', 'x').replace('POST ', 'POST  ').replace(' HTTP', '  HTTP'),
      'x',
    ],
    ['an empty line before it', `\r\n${post('content-length: 1\r\n', 'x')}`, 'x'],
    [
      'a body that looks like a request',
      post(`content-length: ${VICTIM.length}\r\n`, VICTIM),
      VICTIM,
    ],
  ])('(%s) is forwarded as such, and so is the next', async (_what, bytes, body) => {
    const upstream = await startUpstream(echo)
    const gateway = await startGateway({ upstream: upstream.origin })
    const client = openRaw(gateway)
    client.send(bytes + VICTIM)
    const [first, second] = await client.answers(2)
    expect(JSON.parse(first?.body ?? '')).toMatchObject({ method: 'POST', body })
    expect(JSON.parse(second?.body ?? '')).toMatchObject({ method: 'GET', url: '/v1/victim' })
    expect(upstream.received).toHaveLength(2)
    const headers = JSON.stringify(upstream.received[0]?.message.rawHeaders)
    expect(headers).not.toMatch(/trailer|x-t|__proto__|constructor|transfer_encoding/i)
  })

  it.each(['DELETE', 'PUT', 'PATCH'])(
    '(%s with chunks) reaches the upstream framed, and so does the next',
    async (method) => {
      const upstream = await startUpstream(echo)
      const gateway = await startGateway({ upstream: upstream.origin })
      const client = openRaw(gateway)
      const body = `${VICTIM.length.toString(16)}\r\n${VICTIM}\r\n0\r\n\r\n`
      const head = 'content-type: audio/mpeg\r\ntransfer-encoding: chunked\r\n'
      client.send(rawRequest(method, '/v1/x', { head, body }) + VICTIM)
      const [first, second] = await client.answers(2)
      expect(JSON.parse(first?.body ?? '')).toMatchObject({ method, body: VICTIM })
      expect(JSON.parse(second?.body ?? '')).toMatchObject({ url: '/v1/victim' })
      expect(upstream.received).toHaveLength(2)
    },
  )

  it('(a GET with a body) is forwarded without it, and the body is no request', async () => {
    const upstream = await startUpstream(echo)
    const gateway = await startGateway({ upstream: upstream.origin })
    const client = openRaw(gateway)
    const head = `content-length: ${VICTIM.length}\r\n`
    client.send(rawRequest('GET', '/v1/x', { head, body: VICTIM }) + VICTIM)
    const [first, second] = await client.answers(2)
    expect(JSON.parse(first?.body ?? '')).toMatchObject({ url: '/v1/x', body: '' })
    expect(JSON.parse(second?.body ?? '')).toMatchObject({ url: '/v1/victim' })
    expect(upstream.received).toHaveLength(2)
  })

  it('(a GET that declares less body than it sends) leaves the rest to be refused', async () => {
    const upstream = await startUpstream(echo)
    const gateway = await startGateway({ upstream: upstream.origin })
    const client = openRaw(gateway)
    client.send(
      rawRequest('GET', '/v1/x', { head: 'content-length: 3\r\n', body: VICTIM }) + VICTIM,
    )
    const answers = await client.untilClosed()
    expect(answers.map(({ status }) => status)).toEqual([200, 400])
    expect(upstream.received.map(({ message }) => message.url)).toEqual(['/v1/x'])
  })
})
