import { STATUS_CODES } from 'node:http'

import { describe, expect, it } from 'vitest'

import { hashClientToken } from '../../src/clients/client-token.ts'
import { type Gateway, startGateway, TEST_TOKEN } from '../helpers/gateway.ts'
import { openRaw, rawRequest } from '../helpers/raw.ts'
import { echo, startUpstream } from '../helpers/upstream.ts'

const JSON_HEADERS = { 'content-type': 'application/json' }

/** Exactly the four fields that the SDKs read. */
const openAIError = (code: string) => ({
  error: {
    message: expect.any(String),
    type: expect.any(String),
    param: null,
    code,
  },
})

/** Writes these bytes to a fresh connection and reads until it is closed. */
function sendRaw(gateway: Gateway, bytes: string): Promise<string> {
  const socket = gateway.connect()
  let answer = ''
  socket.on('data', (chunk: Buffer) => {
    answer += chunk.toString()
  })
  socket.write(bytes)
  return new Promise((resolve) => socket.once('close', () => resolve(answer)))
}

const bodyOf = (answer: string): unknown => JSON.parse(answer.slice(answer.indexOf('\r\n\r\n') + 4))

describe('an error of Keystow', () => {
  it.each([
    ['an unknown path', '/nope', 'GET', 404, 'unknown_url'],
    ['the root', '/', 'GET', 404, 'unknown_url'],
    ['a method that is not forwarded', '/v1/models', 'OPTIONS', 405, 'method_not_allowed'],
    ['a method nobody knows', '/v1/models', 'PROPFIND', 405, 'method_not_allowed'],
    ['metrics without an admin token', '/metrics', 'GET', 404, 'unknown_url'],
    ['an admin path without an admin token', '/admin/usage', 'GET', 404, 'unknown_url'],
  ])('has OpenAI’s shape for %s', async (_what, path, method, status, code) => {
    const upstream = await startUpstream(echo)
    const gateway = await startGateway({ upstream: upstream.origin })
    const response = await gateway.fetch(path, { method })
    expect(response.status).toBe(status)
    expect(response.headers.get('content-type')).toBe('application/json; charset=utf-8')
    expect(response.headers.get('x-request-id')).toMatch(/^req_/)
    expect(await response.json()).toEqual(openAIError(code))
    expect(upstream.received).toHaveLength(0)
  })

  it.each([
    ['no HTTP at all', 'hello\r\n\r\n', 400, 'bad_request'],
    ['a header without a name', 'GET / HTTP/1.1\r\nhost: x\r\n: y\r\n\r\n', 400, 'bad_request'],
    [
      'both framings',
      'POST /v1/x HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n',
      400,
      'bad_request',
    ],
    [
      'a flood of headers',
      `GET / HTTP/1.1\r\nhost: x\r\nx: ${'y'.repeat(20_000)}\r\n\r\n`,
      431,
      'headers_too_large',
    ],
    ['CONNECT', 'CONNECT example.com:443 HTTP/1.1\r\nhost: x\r\n\r\n', 405, 'method_not_allowed'],
    [
      'an expectation nobody meets',
      'POST /v1/x HTTP/1.1\r\nhost: x\r\nexpect: tea\r\ncontent-length: 0\r\n\r\n',
      417,
      'expectation_failed',
    ],
  ])('has OpenAI’s shape for %s, and closes', async (_what, bytes, status, code) => {
    const upstream = await startUpstream(echo)
    const gateway = await startGateway({ upstream: upstream.origin })
    const answer = await sendRaw(gateway, bytes)
    expect(answer).toMatch(new RegExp(`^HTTP/1\\.1 ${status} ${STATUS_CODES[status]}\r\n`))
    expect(bodyOf(answer)).toEqual(openAIError(code))
    expect(upstream.received).toHaveLength(0)
  })

  it.each([
    [
      'HTTP/1.0 with a transfer encoding',
      'POST /v1/x HTTP/1.0\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n',
    ],
    [
      'a transfer encoding nobody needs',
      'POST /v1/x HTTP/1.1\r\nhost: x\r\ntransfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n',
    ],
    ['no host', 'GET /v1/models HTTP/1.1\r\n\r\n'],
    ['two hosts', 'GET /v1/models HTTP/1.1\r\nhost: x\r\nhost: y\r\n\r\n'],
  ])(
    'is 400 for %s, which Node lets through, and the connection is closed',
    async (_what, bytes) => {
      const upstream = await startUpstream(echo)
      const gateway = await startGateway({ upstream: upstream.origin })
      const answer = await sendRaw(gateway, bytes + bytes)
      expect(answer).toMatch(/^HTTP\/1\.1 400 /)
      expect(answer.match(/HTTP\/1\.1/g)).toHaveLength(1)
      expect(answer).toContain('"code":"bad_request"')
      expect(upstream.received).toHaveLength(0)
    },
  )

  it('closes the connection after TRACE, which is never forwarded', async () => {
    const upstream = await startUpstream(echo)
    const gateway = await startGateway({ upstream: upstream.origin })
    const bytes = `TRACE /v1/models HTTP/1.1\r\nhost: x\r\nconnection: close\r\nauthorization: Bearer ${TEST_TOKEN}\r\n\r\n`
    expect(await sendRaw(gateway, bytes)).toMatch(/^HTTP\/1\.1 405 /)
    expect(upstream.received).toHaveLength(0)
  })
})

describe('a body', () => {
  async function post(
    body: NonNullable<RequestInit['body']>,
    headers: Record<string, string> = JSON_HEADERS,
  ) {
    const upstream = await startUpstream(echo)
    const gateway = await startGateway({ upstream: upstream.origin, env: { BODY_LIMIT_MB: '1' } })
    const init = { method: 'POST', headers, body, duplex: 'half' } as const
    return { response: await gateway.fetch('/v1/chat/completions', init), upstream }
  }

  const twoMiB = Buffer.from(`{"a":"${'x'.repeat(2 * 1024 * 1024)}"}`)
  const inPieces = (): ReadableStream => {
    let sent = 0
    return new ReadableStream({
      pull(controller) {
        controller.enqueue(twoMiB.subarray(sent, (sent += 64 * 1024)))
        if (sent >= twoMiB.length) controller.close()
      },
    })
  }

  it.each([
    ['declared', twoMiB, JSON_HEADERS],
    ['declared as an upload', twoMiB, { 'content-type': 'audio/mpeg' }],
    ['undeclared', inPieces(), JSON_HEADERS],
    ['undeclared, as an upload', inPieces(), { 'content-type': 'audio/mpeg' }],
  ])('over the limit, %s, is answered 413', async (_how, body, headers) => {
    const { response } = await post(body, headers)
    expect(response.status).toBe(413)
    expect(await response.json()).toMatchObject({
      error: { code: 'request_too_large', message: expect.stringContaining('1 MiB') },
    })
  })

  it.each([
    ['malformed', '{"model": gpt-4}'],
    ['truncated', '{"model":"gpt-4"'],
    ['no object', '"gpt-4"'],
    ['followed by more', '{"model":"gpt-4"}{}'],
    ['no JSON', 'model=gpt-4'],
  ])('that is %s is answered 400 and not sent on', async (_what, body) => {
    const { response, upstream } = await post(body)
    expect(response.status).toBe(400)
    expect(await response.json()).toEqual(openAIError('invalid_body'))
    expect(upstream.received).toHaveLength(0)
  })

  it('with a name twice that policy reads is answered 400', async () => {
    const { response, upstream } = await post('{"model":"a","stream":true,"stream":false}')
    expect(response.status).toBe(400)
    expect(await response.json()).toMatchObject({
      error: { message: expect.stringContaining('"stream" twice') },
    })
    expect(upstream.received).toHaveLength(0)
  })

  it.each(['/v1/embeddings', '/mj/submit/list', '/suno/fetch'])(
    'that is a list passes on %s, where no model must be read from it',
    async (path) => {
      const upstream = await startUpstream(echo)
      const yaml = `routes: { suno: { prefix: /suno } }\n`
      const gateway = await startGateway({ upstream: upstream.origin, yaml })
      const init = { method: 'POST', headers: JSON_HEADERS, body: ' ["a", {"model": "b"}]' }
      expect((await gateway.fetch(path, init)).status).toBe(200)
      expect(upstream.received).toHaveLength(1)
    },
  )

  it('that is a list is refused where a client may use certain models only', async () => {
    const upstream = await startUpstream(echo)
    const hash = hashClientToken('ks-test-limited').toString('hex')
    const yaml = `clients: [{ id: limited, tokenHash: '${hash}', models: ['*'] }]\n`
    const gateway = await startGateway({ upstream: upstream.origin, yaml })
    const headers = { ...JSON_HEADERS, authorization: 'Bearer ks-test-limited' }
    const init = { method: 'POST', headers, body: '[{"model":"b"}]' }
    const response = await gateway.fetch('/v1/embeddings', init)
    expect(response.status).toBe(400)
    expect(await response.json()).toEqual(openAIError('invalid_body'))
    expect(upstream.received).toHaveLength(0)
  })

  it('of no chunks is none', async () => {
    const upstream = await startUpstream(echo)
    const gateway = await startGateway({ upstream: upstream.origin })
    const socket = gateway.connect()
    socket.write(
      `POST /v1/x HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${TEST_TOKEN}\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n`,
    )
    const answer = await new Promise<string>((resolve) =>
      socket.once('data', (chunk: Buffer) => resolve(chunk.toString())),
    )
    expect(answer).toMatch(/^HTTP\/1\.1 200 /)
    expect(upstream.received).toHaveLength(1)
  })

  it('that is not called JSON is the upstream’s to judge', async () => {
    const { response } = await post('model=gpt-4', { 'content-type': 'text/plain' })
    expect(response.status).toBe(200)
  })

  it('of a strange content type passes on', async () => {
    const { response } = await post('abc', { 'content-type': 'application/x-strange' })
    expect(response.status).toBe(200)
  })

  it.each([
    ['/nope', 404],
    ['/v1/chat/completions', 401],
    ['/v1/audio/transcriptions', 401],
  ])('sent to %s without a token is not read', async (path, status) => {
    const upstream = await startUpstream(echo)
    const gateway = await startGateway({ upstream: upstream.origin })
    const client = openRaw(gateway)
    const head = 'content-type: application/json\r\ncontent-length: 1000\r\n'
    // What is there of it is wrong, and the rest never comes: whoever reads it has another answer, or none.
    client.send(rawRequest('POST', path, { head, body: '}', token: '' }))
    const [answer] = await client.answers(1)
    expect(answer?.status).toBe(status)
    expect(answer?.headers['connection']).toBe('close')
    expect(upstream.received).toHaveLength(0)
  })

  it('is read only once the client may call: an early answer does not wait for it', async () => {
    const upstream = await startUpstream(echo)
    const gateway = await startGateway({ upstream: upstream.origin })
    const socket = gateway.connect()
    const answer = new Promise<string>((resolve) =>
      socket.once('data', (chunk: Buffer) => resolve(chunk.toString())),
    )
    socket.write(
      'POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 1000\r\nexpect: 100-continue\r\n\r\n',
    )
    expect(await answer).toMatch(/^HTTP\/1\.1 401 /)
  })
})
