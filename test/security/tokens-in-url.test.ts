import { describe, expect, it } from 'vitest'

import { hashClientToken } from '../../src/clients/client-token.ts'
import { startGateway, TEST_TOKEN } from '../helpers/gateway.ts'
import { openRaw, rawRequest } from '../helpers/raw.ts'
import { echo, startUpstream } from '../helpers/upstream.ts'

// Programs that know other providers send their key in the query too, as `?key=…`. The header lets the request in, and
// the query would go upstream with a token that lets anybody in here, for a third party to log. Others have a place for it
// in their base URL.

const LONG = 'ks-0123456789ABCDEFGHIJ0123456789abcdefghij012'
const SHORT = 'abcd'
const ADMIN = 'ks-test-admin-of-this-server'
const YAML = `clients:
  - { id: long, tokenHash: ${hashClientToken(LONG).toString('hex')} }
  - { id: short, tokenHash: ${hashClientToken(SHORT).toString('hex')} }
`

const encode = (text: string): string =>
  Array.from(Buffer.from(text), (byte) => `%${byte.toString(16)}`).join('')

/** What reaches the upstream of this query. */
async function sent(query: string, env: Readonly<Record<string, string>> = {}): Promise<string> {
  const upstream = await startUpstream(echo)
  const gateway = await startGateway({
    upstream: upstream.origin,
    yaml: YAML,
    env: { ADMIN_TOKEN: ADMIN, ...env },
  })
  const client = openRaw(gateway)
  client.send(rawRequest('GET', `/v1/models${query}`))
  const [answer] = await client.answers(1)
  expect(answer?.status).toBe(200)
  return upstream.received[0]?.message.url ?? ''
}

describe.each([
  ['the one that the request presents', TEST_TOKEN],
  ["another client's", LONG],
  ['a short one', SHORT],
  ["the operator's", ADMIN],
])('a token in a query, %s', (_whose, token) => {
  it.each([
    ['as key', `?key=${token}`],
    ['as api_key', `?api_key=${token}`],
    ['as access_token', `?access_token=${token}`],
    ['under any name', `?x=${token}`],
    ['as a name', `?${token}`],
    ['as a name with a value', `?${token}=1`],
    ['as a bearer', `?authorization=Bearer%20${token}`],
    ['as a bearer with a plus', `?authorization=Bearer+${token}`],
    ['percent-encoded', `?key=${encode(token)}`],
    ['percent-encoded twice', `?key=${encode(encode(token))}`],
    ['percent-encoded under an encoded name', `?${encode('key')}=${encode(token)}`],
  ])('never goes upstream %s', async (_how, query) => {
    expect(await sent(query)).toBe('/v1/models')
  })

  it('takes no other parameter with it, and leaves them as they came', async () => {
    const others = ['a=1', 'b=%41%2f+c', '', 'd', 'e=%zz', 'a=2']
    const query = [...others.slice(0, 3), `key=${token}`, ...others.slice(3), `k=${token}`]
    expect(await sent(`?${query.join('&')}`)).toBe(`/v1/models?${others.join('&')}`)
  })
})

describe('a longer token in a query', () => {
  it.each([
    ['inside of something', `?x=a${TEST_TOKEN}b`],
    ['beside something', `?x=1;key=${TEST_TOKEN}`],
    ["beside something, another client's", `?x=1;key=${LONG}`],
    ["beside something, another client's, encoded", `?x=1%3Bkey=${encode(LONG)}%zz`],
    ['as an access code', `?code=nk-${LONG}`],
  ])('never goes upstream %s', async (_how, query) => {
    expect(await sent(query)).toBe('/v1/models')
  })

  it('never goes upstream under open access', async () => {
    expect(await sent(`?key=${LONG}&a=1`, { OPEN_ACCESS: 'true' })).toBe('/v1/models?a=1')
  })
})

describe('a token in a path', () => {
  it.each([
    ['as a segment', `/v1/${LONG}/chat/completions`],
    ['within a segment', `/v1/models/key=${LONG}`],
    ['percent-encoded', `/v1/models/${encode(LONG)}`],
  ])('is refused %s', async (_how, path) => {
    const upstream = await startUpstream(echo)
    const gateway = await startGateway({ upstream: upstream.origin, yaml: YAML })
    const client = openRaw(gateway)
    client.send(rawRequest('GET', path, { token: LONG }))
    const [answer] = await client.answers(1)
    expect(answer?.status).toBe(400)
    expect(answer?.body).toContain('The path holds a token')
    expect(answer?.body).not.toContain(LONG)
    expect(upstream.received).toEqual([])
  })
})

it('is not found where there is none', async () => {
  const query =
    '?limit=1&after=abcdef&x=xabcdx&filter[a]=%E4%BD%A0&model=gpt-4o-2024-08-06&&=&q=a+b'
  expect(await sent(query)).toBe(`/v1/models${query}`)
})
