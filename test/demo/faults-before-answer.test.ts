import { describe, expect, test } from 'vitest'

import {
  BEARER,
  get,
  lastReceived,
  openSocket,
  post,
  postChat,
  rawChat,
  readRaw,
  startDemo,
  until,
} from './demo-helpers.ts'

const BOTH = [[{ stream: true }], [{ stream: false }]]

describe.each(BOTH)('with %j', (options) => {
  test('demo-reset-before-headers resets the connection', async () => {
    const demo = await startDemo()
    const { text, errorCode } = await readRaw(demo, rawChat('demo-reset-before-headers', options))
    expect(text).toBe('')
    expect(errorCode).toBe('ECONNRESET')
    await lastReceived(demo).closed
    expect(lastReceived(demo).outcome).toBe('aborted')
  })

  test('demo-hang stays open without a byte until the client goes', async () => {
    const demo = await startDemo()
    const socket = openSocket(demo, rawChat('demo-hang', options))
    await until(() => demo.open() === 1)
    await lastReceived(demo).bodyDone
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect(socket.bytesRead).toBe(0)
    expect(lastReceived(demo).outcome).toBe('open')
    socket.destroy()
    await lastReceived(demo).closed
    expect(lastReceived(demo).outcome).toBe('aborted')
    expect(demo.open()).toBe(0)
  })

  test('demo-slow-first-byte-<ms> waits before the headers', async () => {
    const demo = await startDemo()
    const startedAtMs = performance.now()
    const response = await postChat(demo, 'demo-slow-first-byte-100', options)
    // A timer may fire a millisecond early.
    expect(performance.now() - startedAtMs).toBeGreaterThan(98)
    expect(await response.text()).toContain('finish_reason":"stop"')
  })

  test('demo-html-502 answers an HTML page', async () => {
    const demo = await startDemo()
    const response = await postChat(demo, 'demo-html-502', options)
    expect(response.status).toBe(502)
    expect(response.headers.get('content-type')).toBe('text/html')
    expect(await response.text()).toContain('<h1>502 Bad Gateway</h1>')
  })

  test('demo-redirect points at another origin', async () => {
    const demo = await startDemo()
    const response = await postChat(demo, 'demo-redirect', options)
    expect(response.status).toBe(307)
    expect(response.headers.get('location')).toBe(
      'https://other-origin.invalid/v1/chat/completions',
    )
  })

  test('demo-early-hints sends 100 and 103 before the answer', async () => {
    const demo = await startDemo()
    const { text } = await readRaw(demo, rawChat('demo-early-hints', options))
    expect(text).toMatch(/^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 103 Early Hints\r\nLink: /)
    expect(text).toContain('\r\n\r\nHTTP/1.1 200 OK\r\n')
  })

  test('demo-early-hints-103 sends 103 alone, which fetch skips', async () => {
    const demo = await startDemo()
    const { text } = await readRaw(demo, rawChat('demo-early-hints-103', options))
    expect(text).toMatch(/^HTTP\/1\.1 103 Early Hints\r\n/)
    const response = await postChat(demo, 'demo-early-hints-103', options)
    expect(response.status).toBe(200)
  })
})

describe('demo-status-<code>', () => {
  test.each([400, 401, 403, 404, 409, 422, 429, 500, 503, 418])(
    'answers %i in the shape of OpenAI',
    async (status) => {
      const demo = await startDemo()
      const response = await postChat(demo, `demo-status-${status}`)
      expect(response.status).toBe(status)
      expect(response.headers.get('content-type')).toBe('application/json')
      const type =
        status >= 500 ? 'server_error' : status === 429 ? 'requests' : 'invalid_request_error'
      expect(await response.json()).toMatchObject({
        error: { message: expect.any(String), type },
      })
    },
  )

  test('tells with 429 when to come back', async () => {
    const demo = await startDemo()
    const { headers } = await postChat(demo, 'demo-status-429', { stream: true })
    expect(headers.get('retry-after')).toBe('2')
    expect(headers.get('x-ratelimit-remaining-requests')).toBe('0')
  })

  test('answers 428 as the reseller does, without a content-type', async () => {
    const demo = await startDemo()
    const response = await postChat(demo, 'demo-status-428')
    expect(response.status).toBe(428)
    expect(response.headers.get('content-type')).toBeNull()
    expect(await response.json()).toMatchObject({
      error: { type: 'openai_hk_error', code: 'gate_way_error' },
    })
  })

  test.each(['demo-status-200', 'demo-status-600'])('takes %s for a 500', async (model) => {
    const demo = await startDemo()
    expect((await postChat(demo, model)).status).toBe(500)
  })

  test.each([
    ['/v1/completions', { prompt: 'x' }],
    ['/v1/responses', { input: 'x' }],
    ['/v1/embeddings', { input: 'x' }],
    ['/v1/moderations', { input: 'x' }],
    ['/v1/images/generations', { prompt: 'x' }],
    ['/v1/audio/speech', { input: 'x' }],
    ['/mj/submit/imagine', { prompt: 'x' }],
    ['/suno/generate', {}],
  ])('is heard on %s', async (path, body) => {
    const demo = await startDemo()
    const response = await post(demo, path, { model: 'demo-status-403', ...body })
    expect(response.status).toBe(403)
  })

  test('is heard in the query of a request without a body', async () => {
    const demo = await startDemo()
    expect((await get(demo, '/v1/models?model=demo-status-403')).status).toBe(403)
  })

  test('is not heard in a header', async () => {
    const demo = await startDemo()
    const headers = { ...BEARER, 'x-model': 'demo-status-403' }
    expect((await fetch(`${demo.origin}/v1/models`, { headers })).status).toBe(200)
  })
})
