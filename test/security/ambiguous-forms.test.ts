import { describe, expect, it } from 'vitest'

import { hashClientToken } from '../../src/clients/client-token.ts'
import { type Gateway, startGateway } from '../helpers/gateway.ts'
import { priceFile } from '../helpers/prices.ts'
import { echo, startUpstream } from '../helpers/upstream.ts'

// Who may use cheap models only sends a body in which Keystow finds a cheap one and the upstream a dear one:
// `multipart/form-data; boundary=bb; boundary=cc` around two forms, of which one program reads the first and another
// the second. The same goes for a field twice, names that only some decode, headers that are folded, delimiters that
// only some take for one, and JSON in a charset that only some heed.

const LISTED = 'ks-test-listed'
const CAPPED = 'ks-test-capped'

const hash = (token: string): string => hashClientToken(token).toString('hex')
const YAML = `clients:
  - { id: listed, tokenHash: ${hash(LISTED)}, models: [whisper-1] }
  - { id: capped, tokenHash: ${hash(CAPPED)}, budgetPerDay: 1 }
`

async function start() {
  const upstream = await startUpstream(echo)
  const env = { PRICING_FILE: priceFile() }
  const gateway = await startGateway({ upstream: upstream.origin, yaml: YAML, env })
  return { gateway, upstream }
}

interface Sent {
  readonly type: string
  readonly body: string
  readonly token?: string
}

async function send(gateway: Gateway, { type, body, token }: Sent) {
  const answer = await gateway.fetch('/v1/audio/transcriptions', {
    method: 'POST',
    headers: {
      'content-type': type,
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
    },
    body: Buffer.from(body, 'latin1'),
  })
  const text = await answer.text()
  return { status: answer.status, text }
}

const field = (name: string, value: string, boundary = 'bb'): string =>
  `--${boundary}\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`
const CHEAP = `${field('model', 'whisper-1')}--bb--\r\n`
const DEAR = `${field('model', 'dear', 'cc')}--cc--\r\n`
const TWO_FORMS = CHEAP + DEAR

describe('a type that names its boundary in two ways', () => {
  const types = [
    'multipart/form-data; boundary=bb; boundary=cc',
    'multipart/form-data; boundary=bb; BOUNDARY=cc',
    "multipart/form-data; boundary=bb; boundary*=utf-8''cc",
    'multipart/form-data; boundary=bb; boundary*0=c; boundary*1=c',
    'multipart/form-data; boundary="bb"; x="boundary=cc"',
    'multipart/form-data; boundary="bb',
    'multipart/form-data; boundary=bb, multipart/form-data; boundary=cc',
    'application/json, multipart/form-data; boundary=cc',
  ]
  it.each(types)('is refused, whoever sends it: %s', async (type) => {
    const { gateway, upstream } = await start()
    for (const token of [LISTED, CAPPED, undefined]) {
      const sent = { type, body: TWO_FORMS, ...(token !== undefined && { token }) }
      const { status, text } = await send(gateway, sent)
      expect(status).toBe(415)
      expect(text).toContain('"code":"unsupported_media_type"')
      expect(text).toContain('with one boundary')
    }
    expect(upstream.received).toEqual([])
  })
})

describe('a type that is none', () => {
  const types = [
    'json',
    'application/json charset=utf-8',
    'application/json, application/json',
    'application/json; charset',
    'application/json; charset=utf-8; charset=utf-8',
  ]
  it.each(types)('is refused to whoever may not use all models: %s', async (type) => {
    const { gateway, upstream } = await start()
    for (const token of [LISTED, CAPPED]) {
      expect((await send(gateway, { type, token, body: '{"model":"whisper-1"}' })).status).toBe(415)
    }
    expect(upstream.received).toEqual([])
  })

  it.each(types)('is left to the upstream otherwise: %s', async (type) => {
    const { gateway, upstream } = await start()
    expect((await send(gateway, { type, body: '{"model":"dear"}' })).status).toBe(200)
    expect(upstream.received[0]?.message.headers['content-type']).toBe(type)
  })
})

describe('a form in which another program would find another model', () => {
  const part = (head: string, value: string): string => `--bb\r\n${head}\r\n\r\n${value}\r\n`
  const cheap = field('model', 'whisper-1')
  const disposition = 'Content-Disposition: form-data; name'
  it.each([
    ['two boundaries in one body', TWO_FORMS],
    ['a field twice', `${cheap}${field('model', 'dear')}--bb--`],
    ['a name twice', `${cheap}${part(`${disposition}="x"; name="model"`, 'dear')}--bb--`],
    ['an extended name', `${cheap}${part(`${disposition}*=utf-8''model`, 'dear')}--bb--`],
    ['an encoded name', `${cheap}${field('%6dodel', 'dear')}--bb--`],
    ['a name with brackets', `${cheap}${field('model[]', 'dear')}--bb--`],
    [
      'a folded head',
      `${cheap}${part(`Content-Disposition: form-data;\r\n name="model"`, 'dear')}--bb--`,
    ],
    ['a file', part(`${disposition}="model"; filename="a"`, 'whisper-1') + '--bb--'],
    [
      'base64',
      `${part(`${disposition}="model"\r\nContent-Transfer-Encoding: base64`, 'whisper-1')}--bb--`,
    ],
    [
      'line feeds',
      `${field('x', `\n${field('model', 'dear').replaceAll('\r', '')}`)}${cheap}--bb--`,
    ],
    ['a preamble', `x\r\n${cheap}--bb--`],
    ['what follows the end', `${cheap}--bb--\r\n${field('model', 'dear')}--bb--`],
    [
      'a part within a part',
      `${cheap}${part(`${disposition}="x"\r\nContent-Type: multipart/mixed; boundary=cc`, DEAR)}--bb--`,
    ],
    ['a charset', `${cheap}${field('_charset_', 'utf-7')}--bb--`],
  ])('is refused to whoever may not use all models: %s', async (_what, body) => {
    const { gateway, upstream } = await start()
    const type = 'multipart/form-data; boundary=bb'
    for (const token of [LISTED, CAPPED]) {
      const { status, text } = await send(gateway, { type, body, token })
      expect(status).toBe(400)
      expect(text).toContain('"code":"invalid_body"')
    }
    expect(upstream.received).toEqual([])
    expect((await send(gateway, { type, body })).status).toBe(200)
    expect(upstream.received[0]?.body.toString('latin1')).toBe(body)
  })

  it.each([
    ['another kind of multipart', 'multipart/mixed; boundary=bb', CHEAP, 400],
    ['no boundary', 'multipart/form-data', CHEAP, 400],
    ['another charset', 'multipart/form-data; boundary=bb; charset=utf-16', CHEAP, 400],
    ['an encoded form', 'application/x-www-form-urlencoded', 'model=whisper-1', 400],
    [
      'JSON in UTF-7',
      'application/json; charset=utf-7',
      '{"model":"whisper-1","+AG0-odel":"dear"}',
      400,
    ],
    ['JSON in UTF-16', 'application/json; charset=utf-16', '{\0"\0m\0', 400],
    ['JSON in GBK', 'application/json; charset=gbk', '{"model":"whisper-1"}', 400],
    ['a byte-order mark', 'application/json', '\xef\xbb\xbf{"model":"whisper-1"}', 400],
    ['a NUL', 'application/json', '{"model":"whisper-1"}\0', 400],
    ['a NUL in a name', 'application/json', '{"model":"whisper-1","model\\u0000x":"dear"}', 400],
    [
      'bytes that some leave out of a name',
      'application/json',
      '{"model":"whisper-1","mo\xffdel":"dear"}',
      400,
    ],
    [
      'a name that is escaped',
      'application/json',
      '{"model":"whisper-1","\\u006dodel":"dear"}',
      400,
    ],
  ])('is refused to whoever may not use all models: %s', async (_what, type, body, expected) => {
    const { gateway, upstream } = await start()
    expect((await send(gateway, { type, body, token: LISTED })).status).toBe(expected)
    expect((await send(gateway, { type, body, token: CAPPED })).status).toBe(expected)
    expect(upstream.received).toEqual([])
  })
})

it('does not touch forms as they are written', async () => {
  const { gateway, upstream } = await start()
  const form = new FormData()
  form.set('file', new File([Buffer.alloc(5000)], '你好 "a".wav', { type: 'audio/wav' }))
  form.set('model', 'whisper-1')
  form.append('timestamp_granularities[]', 'word')
  form.append('timestamp_granularities[]', 'segment')
  for (const token of [LISTED, CAPPED, gateway.token]) {
    const headers = { authorization: `Bearer ${token}` }
    const init = { method: 'POST', headers, body: form }
    expect((await gateway.fetch('/v1/audio/transcriptions', init)).status).toBe(200)
  }
  expect(upstream.received).toHaveLength(3)
})
