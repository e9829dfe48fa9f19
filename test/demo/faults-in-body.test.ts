import { describe, expect, test } from 'vitest'

import {
  CREDENTIAL,
  lastReceived,
  openSocket,
  post,
  postChat,
  rawChat,
  readRaw,
  startDemo,
  untilData,
} from './demo-helpers.ts'

interface RawAnswer {
  readonly head: string
  readonly body: Buffer
}

function splitAnswer(bytes: Buffer): RawAnswer {
  const headEnd = bytes.indexOf('\r\n\r\n')
  return { head: bytes.toString('latin1', 0, headEnd), body: bytes.subarray(headEnd + 4) }
}

function declaredLength({ head }: RawAnswer): number {
  return Number(/^content-length: (\d+)$/im.exec(head)?.[1])
}

describe('a JSON body', () => {
  test.each([
    ['demo-reset-midstream', 'ECONNRESET'],
    ['demo-close-midstream', undefined],
  ])('%s breaks off at half of the declared length', async (model, expected) => {
    const demo = await startDemo()
    const { bytes, errorCode } = await readRaw(demo, rawChat(model))
    const answer = splitAnswer(bytes)
    expect(answer.body.length).toBe(Math.floor(declaredLength(answer) / 2))
    expect(errorCode).toBe(expected)
    await lastReceived(demo).closed
    expect(lastReceived(demo).outcome).toBe('aborted')
  })

  test('demo-clean-eof ends well for HTTP at half of the JSON', async () => {
    const demo = await startDemo()
    const response = await postChat(demo, 'demo-clean-eof')
    expect(response.headers.get('content-length')).toBeNull()
    const text = await response.text()
    expect(text).toMatch(/^\{"id":/)
    expect(() => JSON.parse(text) as unknown).toThrow(SyntaxError)
  })

  test('demo-hang-headers-sent declares a length and sends no byte', async () => {
    const demo = await startDemo()
    const socket = openSocket(demo, rawChat('demo-hang-headers-sent'))
    const answer = splitAnswer(await untilData(socket))
    expect(declaredLength(answer)).toBeGreaterThan(100)
    expect(answer.body).toHaveLength(0)
  })

  test.each(['demo-silent-gap-30', 'demo-split-utf8', 'demo-split-events', 'demo-trailers'])(
    '%s gets through whole',
    async (model) => {
      const demo = await startDemo()
      expect(await (await postChat(demo, model)).json()).toMatchObject({ model })
    },
  )

  test('demo-wrong-length-short declares less than it sends', async () => {
    const demo = await startDemo()
    const { bytes } = await readRaw(demo, rawChat('demo-wrong-length-short'))
    const answer = splitAnswer(bytes)
    expect(answer.body.length).toBe(declaredLength(answer) + 10)
  })

  test('demo-wrong-length-long declares more than it sends', async () => {
    const demo = await startDemo()
    const { bytes, errorCode } = await readRaw(demo, rawChat('demo-wrong-length-long'))
    const answer = splitAnswer(bytes)
    expect(answer.body.length).toBe(declaredLength(answer) - 10)
    expect(errorCode).toBeUndefined()
  })

  test.each([
    ['/v1/embeddings', { input: 'x' }],
    ['/v1/images/generations', { prompt: 'x' }],
    ['/v1/audio/speech', { input: 'x' }],
    ['/v1/responses', { input: 'x' }],
  ])('breaks off on %s too', async (path, body) => {
    const demo = await startDemo()
    const response = await post(demo, path, { model: 'demo-reset-midstream', ...body })
    await expect(response.arrayBuffer()).rejects.toThrow('terminated')
  })
})

describe('a stream', () => {
  test('demo-wrong-length-short declares less than it sends', async () => {
    const demo = await startDemo()
    const { bytes } = await readRaw(demo, rawChat('demo-wrong-length-short', { stream: true }))
    const answer = splitAnswer(bytes)
    expect(answer.body.length).toBeGreaterThan(declaredLength(answer))
    expect(answer.body.toString().endsWith('data: [DONE]\n\n')).toBe(true)
  })

  test('demo-wrong-length-long declares more than it sends', async () => {
    const demo = await startDemo()
    const { bytes } = await readRaw(demo, rawChat('demo-wrong-length-long', { stream: true }))
    const answer = splitAnswer(bytes)
    expect(answer.body.length).toBeLessThan(declaredLength(answer))
    expect(answer.body.toString().endsWith('data: [DONE]\n\n')).toBe(true)
  })
})

describe.each([[{ stream: true }], [{ stream: false }]])('with %j', (options) => {
  test('demo-gzip compresses whatever was asked for', async () => {
    const demo = await startDemo()
    const { bytes } = await readRaw(demo, rawChat('demo-gzip', options))
    const answer = splitAnswer(bytes)
    expect(answer.head).toMatch(/^content-encoding: gzip$/im)
    expect(answer.body.includes(Buffer.from([0x1f, 0x8b]))).toBe(true)
    const text = await (await postChat(demo, 'demo-gzip', options)).text()
    expect(text).toContain('"finish_reason":"stop"')
  })

  test('demo-trailers sends trailers after a chunked body', async () => {
    const demo = await startDemo()
    const { text } = await readRaw(demo, rawChat('demo-trailers', options))
    expect(text).toMatch(/^trailer: x-demo-trailer$/im)
    expect(text.endsWith('\r\n0\r\nx-demo-trailer: the-end\r\n\r\n')).toBe(true)
  })

  test('demo-echo-key leaks the credential in headers and body', async () => {
    const demo = await startDemo()
    const response = await postChat(demo, 'demo-echo-key', options)
    expect(response.headers.get('x-demo-credential')).toBe(CREDENTIAL)
    expect(response.headers.get('x-demo-request-authorization')).toBe(`Bearer ${CREDENTIAL}`)
    expect(await response.text()).toContain(` Your key is ${CREDENTIAL}. `)
  })
})

test('demo-echo-key leaks in JSON that says nothing else', async () => {
  const demo = await startDemo()
  const body = { model: 'demo-echo-key', input: 'x' }
  const response = await post(demo, '/v1/embeddings', body)
  expect(await response.json()).toMatchObject({
    demo_debug: { authorization: `Bearer ${CREDENTIAL}` },
    object: 'list',
  })
})
