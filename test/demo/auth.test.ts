import { expect, test } from 'vitest'

import { chatBody, CREDENTIAL, startDemo } from './demo-helpers.ts'

const MJ_SECRET = { 'mj-api-secret': CREDENTIAL }

test('lets the credential in', async () => {
  const demo = await startDemo()
  const headers = { authorization: `Bearer ${CREDENTIAL}` }
  expect((await fetch(`${demo.origin}/v1/models`, { headers })).status).toBe(200)
})

test('answers another key 401 with the key redacted', async () => {
  const demo = await startDemo()
  const headers = { authorization: 'Bearer sk-someoneelse0123456789wxyz' }
  const response = await fetch(`${demo.origin}/v1/models`, { headers })
  expect(response.status).toBe(401)
  const text = await response.text()
  expect(text).toMatch(/Incorrect API key provided: sk-\*+wxyz\./)
  expect(text).not.toContain('someoneelse')
  expect(JSON.parse(text)).toMatchObject({
    error: { type: 'invalid_request_error', param: null, code: 'invalid_api_key' },
  })
})

test('shows nothing of a short key', async () => {
  const demo = await startDemo()
  const headers = { authorization: 'Bearer short' }
  const response = await fetch(`${demo.origin}/v1/models`, { headers })
  expect(await response.text()).toContain('provided: *****.')
})

test('answers a request without a key 401', async () => {
  const demo = await startDemo()
  const response = await fetch(`${demo.origin}/v1/models`)
  expect(response.status).toBe(401)
  expect(await response.json()).toMatchObject({ error: { code: null } })
})

test('answers 401 before it reads the body', async () => {
  const demo = await startDemo()
  const response = await fetch(`${demo.origin}/v1/chat/completions`, { method: 'POST', body: '{' })
  expect(response.status).toBe(401)
})

test.each(['/mj', '/fast/mj', '/mj-turbo/mj'])('takes mj-api-secret under %s', async (prefix) => {
  const demo = await startDemo()
  const response = await fetch(`${demo.origin}${prefix}/task/1/fetch`, { headers: MJ_SECRET })
  expect(response.status).toBe(200)
})

test('takes mj-api-secret nowhere else', async () => {
  const demo = await startDemo()
  const response = await fetch(`${demo.origin}/v1/models`, { headers: MJ_SECRET })
  expect(response.status).toBe(401)
})

test('answers a wrong mj-api-secret 401', async () => {
  const demo = await startDemo()
  const headers = { 'mj-api-secret': `${CREDENTIAL}x` }
  expect((await fetch(`${demo.origin}/mj/task/1/fetch`, { headers })).status).toBe(401)
})

test('takes a second key too, and leaks the one it was sent', async () => {
  const other = 'hk-test-the-next-key-0123456789'
  const demo = await startDemo({ otherCredentials: [other] })
  const response = await fetch(`${demo.origin}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${other}`, 'content-type': 'application/json' },
    body: JSON.stringify(chatBody('demo-echo-key')),
  })
  expect(response.headers.get('x-demo-credential')).toBe(other)
})
