import { describe, expect, it } from 'vitest'

import { startGateway } from '../helpers/gateway.ts'
import { openRaw, rawRequest } from '../helpers/raw.ts'
import { echo, startUpstream } from '../helpers/upstream.ts'

// An upstream answers TRACE with the request as it came, credential included; an absolute target that is resolved
// against the upstream's URL sends the credential to a host of the client's choice; and what a proxy takes for a
// harmless method may spend the key. None of them may reach the upstream, and the connection stays usable.

const VICTIM = rawRequest('GET', '/v1/victim')

describe('a method that is not forwarded', () => {
  it.each(['TRACE', 'OPTIONS', 'PROPFIND', 'QUERY', 'PURGE', 'LINK', 'SOURCE', 'M-SEARCH', 'LOCK'])(
    '(%s) is 405, with and without a body',
    async (method) => {
      const upstream = await startUpstream(echo)
      const gateway = await startGateway({ upstream: upstream.origin })
      for (const head of ['', 'content-length: 3\r\n', 'content-length: 0\r\n']) {
        const client = openRaw(gateway)
        client.send(rawRequest(method, '/v1/x', { head, body: head.includes('3') ? 'abc' : '' }))
        const [answer] = await client.answers(1)
        expect(answer?.status).toBe(405)
        expect(answer?.headers['allow']).toBe('GET, HEAD, POST, PUT, PATCH, DELETE')
        expect(JSON.parse(answer?.body ?? '')).toMatchObject({
          error: { code: 'method_not_allowed' },
        })
        expect(answer?.body).not.toContain('ks-test-alice')
      }
      expect(upstream.received).toHaveLength(0)
    },
  )

  it('is not what a header says it is', async () => {
    const upstream = await startUpstream(echo)
    const gateway = await startGateway({ upstream: upstream.origin })
    const headers = { 'x-http-method-override': 'TRACE', 'x-method-override': 'DELETE' }
    expect(await (await gateway.fetch('/v1/x', { headers })).json()).toMatchObject({
      method: 'GET',
      headers: expect.not.objectContaining(headers),
    })
  })
})

describe('a target that names more than a path', () => {
  it.each([
    ['another host', 'http://evil.example/v1/x'],
    ['another host, encrypted', 'https://evil.example/v1/x'],
    ['this host', 'http://x/v1/x'],
    ['credentials', 'http://a:b@x/v1/x'],
    ['a host without a scheme', '//evil.example/v1/x'],
    ['a host behind a backslash', '/\\evil.example/v1/x'],
    ['the whole server', '*'],
    ['a fragment', '/v1/x#/../y'],
  ])('(%s) is 4xx, and the next request is answered', async (_what, target) => {
    const upstream = await startUpstream(echo)
    const gateway = await startGateway({ upstream: upstream.origin })
    const client = openRaw(gateway)
    client.send(rawRequest('GET', target) + VICTIM)
    const [answer, victim] = await client.answers(2)
    expect([400, 404]).toContain(answer?.status)
    expect(JSON.parse(victim?.body ?? '')).toMatchObject({ url: '/v1/victim' })
    expect(upstream.received).toHaveLength(1)
  })

  it('(the whole server, by OPTIONS) is no preflight for anything', async () => {
    const upstream = await startUpstream(echo)
    const gateway = await startGateway({ upstream: upstream.origin })
    const client = openRaw(gateway)
    client.send(rawRequest('OPTIONS', '*'))
    expect((await client.answers(1))[0]?.status).toBe(400)
    expect(upstream.received).toHaveLength(0)
  })
})

describe('an expectation', () => {
  const expecting = (value: string): string =>
    `expect: ${value}\r\ncontent-length: 5\r\ncontent-type: text/plain\r\n`

  it.each(['tea', 'y 100-continue', '100-continue, tea', '100-continued', ''])(
    'that cannot be met ("%s") is 417 and closes, because the body may or may not follow',
    async (value) => {
      const upstream = await startUpstream(echo)
      const gateway = await startGateway({ upstream: upstream.origin })
      const client = openRaw(gateway)
      client.send(rawRequest('POST', '/v1/x', { head: expecting(value), body: 'hello' }) + VICTIM)
      const answers = await client.untilClosed()
      expect(answers.map(({ status }) => status)).toEqual([417])
      expect(answers[0]?.headers['x-request-id']).toMatch(/^req_/)
      expect(upstream.received).toHaveLength(0)
    },
  )

  it('of the word to go on is met once the client may call, and is not sent on', async () => {
    const upstream = await startUpstream(echo)
    const gateway = await startGateway({ upstream: upstream.origin })
    const client = openRaw(gateway)
    client.send(rawRequest('POST', '/v1/x', { head: expecting('100-Continue') }))
    while (!client.text().includes('100 Continue\r\n\r\n')) {
      await new Promise((resolve) => client.socket.once('data', resolve))
    }
    client.send(`hello${VICTIM}`)
    const [answer] = await client.answers(2)
    expect(JSON.parse(answer?.body ?? '')).toMatchObject({ body: 'hello' })
    expect(upstream.received[0]?.message.headers).not.toHaveProperty('expect')
  })

  it('of a client that may not call is answered without it, and closes', async () => {
    const upstream = await startUpstream(echo)
    const gateway = await startGateway({ upstream: upstream.origin })
    const client = openRaw(gateway)
    const request = rawRequest('POST', '/v1/x', { head: expecting('100-continue'), token: 'wrong' })
    // It sends what might be its body, and might be a request.
    client.send(request + VICTIM)
    expect((await client.untilClosed()).map(({ status }) => status)).toEqual([401])
    expect(client.text()).not.toContain('100 Continue')
    expect(upstream.received).toHaveLength(0)
  })

  it('in HTTP/1.0 is nothing at all', async () => {
    const upstream = await startUpstream(echo)
    const gateway = await startGateway({ upstream: upstream.origin })
    const client = openRaw(gateway)
    const request = rawRequest('POST', '/v1/x', { head: expecting('100-continue'), body: 'hello' })
    client.send(request.replace('HTTP/1.1', 'HTTP/1.0'))
    expect((await client.untilClosed()).map(({ status }) => status)).toEqual([200])
    expect(client.text()).not.toContain('100 Continue')
  })
})
