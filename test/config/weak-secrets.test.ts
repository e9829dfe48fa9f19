import { describe, expect, it } from 'vitest'

import { parseConfig } from '../../src/config/load.ts'
import { TEST_CREDENTIAL } from '../helpers/gateway.ts'

// Guesses are limited by address, and whoever guesses has many. What is not refused for its length is at least told.

const STRONG = 'ks-test-0123456789'
const BASE = { UPSTREAM_API_KEY: TEST_CREDENTIAL, CLIENT_TOKENS: `alice:${STRONG}` }

const parse = (env: Record<string, string>) => parseConfig({ ...BASE, ...env })

describe('a token that others may guess', () => {
  const WEAK = { CLIENT_TOKENS: `anna:1234,ben:${STRONG}`, ADMIN_TOKEN: 'admin' }

  it.each<[string, Record<string, string>]>([
    ['on an address of the network', { HOST: '0.0.0.0' }],
    ['behind a proxy', { TRUST_PROXY: '127.0.0.1' }],
  ])('is told %s, by whose it is', (_where, env) => {
    expect(parse({ ...WEAK, ...env }).notices).toEqual([
      'CLIENT_TOKENS: the token of anna is shorter than 16 characters, and others can try to guess it; npm run token makes one',
      'ADMIN_TOKEN: is shorter than 16 characters, and others can try to guess it; npm run token makes one',
    ])
  })

  it('is nobody else’s matter on a loopback address', () => {
    expect(parse({ ...WEAK, HOST: '::1' }).notices).toEqual([])
  })

  it('is none with 16 characters', () => {
    const env = { CLIENT_TOKENS: 'a:0123456789abcdef', ADMIN_TOKEN: '0123456789abcdeX' }
    expect(parse({ ...env, HOST: '0.0.0.0' }).notices).toEqual([])
  })
})

describe('a key that is none', () => {
  it.each(['hk-', 'sk-', 'hk-1', 'sk-abc', 'x', 'abc'])('(%s) is refused', (key) => {
    const { problems } = parse({ UPSTREAM_API_KEY: key })
    expect(problems).toEqual(['UPSTREAM_API_KEY: is too short for a key; check how it was pasted'])
  })

  it('is named by its place among others', () => {
    const { problems } = parse({ UPSTREAM_API_KEY: 'hk-test-one,hk-,hk-test-two,sk-your-key' })
    expect(problems).toEqual([
      'UPSTREAM_API_KEY: key 2 of 4 is too short for a key; check how it was pasted; key 4 of 4 is a sample from a document; put the real secret there',
    ])
  })
})

describe('a key as local upstreams take it', () => {
  it.each(['none', 'test', 'EMPTY', 'ollama'])('(%s) is taken', (key) => {
    const env = { UPSTREAM_API_KEY: key, UPSTREAM_URL: 'http://127.0.0.1:11434' }
    expect(parse(env)).toMatchObject({ config: {}, notices: [] })
  })

  it('is told where the upstream is a provider', () => {
    expect(parse({ UPSTREAM_API_KEY: 'hk-test' }).notices).toEqual([
      "UPSTREAM_API_KEY: is shorter than any provider's key; check how it was pasted",
    ])
  })
})
