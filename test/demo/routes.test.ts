import { request } from 'node:http'

import { expect, test } from 'vitest'

import { BEARER, get, post, startDemo } from './demo-helpers.ts'

test('lists the ordinary models', async () => {
  const demo = await startDemo()
  const body: unknown = await (await get(demo, '/v1/models')).json()
  expect(body).toMatchObject({ object: 'list', data: expect.any(Array) })
  const text = JSON.stringify(body)
  for (const id of ['gpt-3.5-turbo', 'gpt-4-0613', 'gpt-4o', 'whisper-1', 'dall-e-3']) {
    expect(text).toContain(`{"id":"${id}","object":"model"`)
  }
  expect(text).not.toContain('"id":"demo-')
})

test('knows a model by any name', async () => {
  const demo = await startDemo()
  expect(await (await get(demo, '/v1/models/ft:gpt-4o:me')).json()).toMatchObject({
    id: 'ft:gpt-4o:me',
  })
})

test.each([
  '/suno/generate',
  '/luma/generations/1',
  '/pro/luma/generations',
  '/fal-ai/x',
  '/v1/files',
])('echoes %s', async (path) => {
  const demo = await startDemo()
  const response = await post(demo, `${path}?a=1`, { model: 'x' })
  expect(await response.json()).toEqual({ ok: true, path: `${path}?a=1`, method: 'POST' })
})

test('echoes any method, for deleting too', async () => {
  const demo = await startDemo()
  const options = { method: 'DELETE', headers: BEARER }
  const response = await fetch(`${demo.origin}/v1/responses/resp_1`, options)
  expect(await response.json()).toMatchObject({ method: 'DELETE' })
})

test('echoes nothing without the credential', async () => {
  const demo = await startDemo()
  expect((await fetch(`${demo.origin}/suno/generate`)).status).toBe(401)
})

test.each(['/', '/v1', '/v1/unknown', '/sunoo', '/V1/models', '//v1/models', '/v1/models/'])(
  'answers %s 404 in the shape of OpenAI',
  async (path) => {
    const demo = await startDemo()
    const response = await get(demo, path)
    expect(response.status).toBe(404)
    expect(await response.json()).toEqual({
      error: {
        message: `Invalid URL (GET ${path})`,
        type: 'invalid_request_error',
        param: null,
        code: 'unknown_url',
      },
    })
  },
)

test('answers a wrong method 405', async () => {
  const demo = await startDemo()
  expect((await get(demo, '/v1/embeddings')).status).toBe(405)
})

test('answers HEAD without a body', async () => {
  const demo = await startDemo()
  const response = await fetch(`${demo.origin}/v1/models`, { method: 'HEAD', headers: BEARER })
  expect(response.status).toBe(200)
  expect(await response.text()).toBe('')
})

test('takes a GET with a small JSON body', async () => {
  const demo = await startDemo()
  const status = await new Promise((resolve, reject) => {
    const headers = { ...BEARER, 'content-type': 'application/json', 'content-length': 2 }
    const outgoing = request(`${demo.origin}/v1/models`, { headers }, (response) => {
      response.resume()
      resolve(response.statusCode)
    })
    outgoing.once('error', reject)
    outgoing.end('{}')
  })
  expect(status).toBe(200)
})

test('sends the headers of a provider behind a CDN', async () => {
  const demo = await startDemo()
  const { headers } = await get(demo, '/v1/models')
  expect(headers.get('x-request-id')).toMatch(/^req_[0-9a-f]{32}$/)
  expect(headers.get('access-control-allow-origin')).toBe('*')
  expect(headers.getSetCookie()).toHaveLength(2)
  const names = [
    'openai-processing-ms',
    'openai-version',
    'openai-organization',
    'server',
    'alt-svc',
    'x-ratelimit-limit-requests',
    'x-ratelimit-remaining-tokens',
  ]
  expect(names.filter((name) => !headers.has(name))).toEqual([])
})
