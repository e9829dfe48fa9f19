import { expect, test } from 'vitest'

import { BEARER, postForm, startDemo } from './demo-helpers.ts'

const PATH = '/v1/realtime/calls'
const OFFER = 'v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n'

test('answers an SDP offer 201 with an SDP answer and a location', async () => {
  const demo = await startDemo()
  const headers = { ...BEARER, 'content-type': 'application/sdp' }
  const request = { method: 'POST', headers, body: OFFER }
  const response = await fetch(`${demo.origin}${PATH}?model=gpt-4o-realtime-preview`, request)
  expect(response.status).toBe(201)
  expect(response.headers.get('content-type')).toBe('application/sdp')
  expect(response.headers.get('location')).toMatch(/^\/v1\/realtime\/calls\/rtc_/)
  expect(await response.text()).toContain(`a=x-demo-offer-bytes:${OFFER.length}\r\n`)
})

test('takes the offer from a form', async () => {
  const demo = await startDemo()
  const form = new FormData()
  form.set('sdp', OFFER)
  form.set('session', '{"type":"realtime"}')
  expect((await postForm(demo, PATH, form)).status).toBe(201)
})

test('answers what is no offer 400', async () => {
  const demo = await startDemo()
  const headers = { ...BEARER, 'content-type': 'application/sdp' }
  const response = await fetch(demo.origin + PATH, { method: 'POST', headers, body: 'hello' })
  expect(response.status).toBe(400)
})

test('chooses the behaviour by the query where the body names no model', async () => {
  const demo = await startDemo()
  const headers = { ...BEARER, 'content-type': 'application/sdp' }
  const url = `${demo.origin}${PATH}?model=demo-status-503`
  expect((await fetch(url, { method: 'POST', headers, body: OFFER })).status).toBe(503)
})
