import { gzipSync } from 'node:zlib'

import { describe, expect, it } from 'vitest'

import { hashClientToken } from '../../src/clients/client-token.ts'
import { startGateway } from '../helpers/gateway.ts'
import { openRaw, rawRequest } from '../helpers/raw.ts'
import { echo, startUpstream } from '../helpers/upstream.ts'

const LISTED = 'ks-test-listed'
const YAML = `clients: [{ id: listed, tokenHash: ${hashClientToken(LISTED).toString('hex')}, models: ['*'] }]`

async function start() {
  const upstream = await startUpstream(echo)
  const gateway = await startGateway({ upstream: upstream.origin, yaml: YAML })
  const post = async (headers: Readonly<Record<string, string>>, body: string | Buffer) => {
    const init = { method: 'POST', headers, body: Buffer.from(body) }
    const response = await gateway.fetch('/v1/chat/completions', init)
    return { response, text: await response.text() }
  }
  return { upstream, gateway, post }
}

const CHAT = '{"model":"gpt-4o"}'
const JSON_TYPE = { 'content-type': 'application/json' }
const asListed = { authorization: `Bearer ${LISTED}` }

describe('a refused body', () => {
  it.each([
    ['application/json', {}],
    ['text/plain', {}],
    ['multipart/form-data; boundary=b', {}],
    ['audio/wav', {}],
    ['application/json', asListed],
  ])('that is compressed is told what it is (%s, %o)', async (type, headers) => {
    const { upstream, post } = await start()
    const sent = { 'content-type': type, 'content-encoding': 'gzip', ...headers }
    const { response, text } = await post(sent, gzipSync(CHAT))
    expect(response.status).toBe(415)
    expect(response.headers.get('accept-encoding')).toBe('identity')
    expect(text).toContain('Content-Encoding of a request is not read here')
    expect(upstream.received).toEqual([])
  })

  it.each([
    ['compressed without saying so', gzipSync(CHAT), 'is compressed'],
    ['marked as UTF-8', `\ufeff${CHAT}`, 'byte-order mark'],
    ['marked as UTF-16', Buffer.from(`\ufeff${CHAT}`, 'utf16le'), 'byte-order mark'],
    ['something else', 'model=gpt-4o', 'not a JSON object'],
  ])('that is %s is told what it is', async (_what, body, message) => {
    const { upstream, post } = await start()
    for (const headers of [JSON_TYPE, { ...JSON_TYPE, ...asListed }]) {
      const { response, text } = await post(headers, body)
      expect(response.status).toBe(400)
      expect(text).toContain(message)
    }
    expect(upstream.received).toEqual([])
  })

  it('of a type that may be a form, and is none, is told how to name one', async () => {
    const { upstream, gateway } = await start()
    for (const type of ['multipart', 'multipart/form-data; boundary=a; boundary=b']) {
      const client = openRaw(gateway)
      const head = `content-type: ${type}\r\ncontent-length: 18\r\nconnection: close\r\n`
      client.send(rawRequest('POST', '/v1/chat/completions', { head, body: CHAT }))
      const [answer] = await client.answers(1)
      expect(answer?.status).toBe(415)
      expect(answer?.body).toContain('Send one type with each parameter once')
    }
    expect(upstream.received).toEqual([])
  })
})

describe('a body goes on as it came', () => {
  it.each([
    ['without a type', CHAT, {}],
    ['with parameters', CHAT, { 'content-type': 'application/json; charset="utf-8";' }],
    ['that says it is not coded', CHAT, { ...JSON_TYPE, 'content-encoding': 'identity' }],
    ['that is not coded as it says', CHAT, { ...JSON_TYPE, 'content-encoding': 'gzip' }],
    ['that is a list', '[1]', JSON_TYPE],
    ['of an encoded form', 'a=b', { 'content-type': 'application/x-www-form-urlencoded' }],
  ])('%s', async (_what, body, headers) => {
    const { upstream, post } = await start()
    expect((await post(headers, body)).response.status).toBe(200)
    expect(upstream.received[0]?.body.toString()).toBe(body)
  })
})
