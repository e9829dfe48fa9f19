import { expect, it } from 'vitest'

import { createClientToken, hashClientToken } from '../../src/clients/client-token.ts'

it('makes tokens of ks- and 43 base62 characters, each another', () => {
  const tokens = new Set(Array.from({ length: 1000 }, createClientToken))
  expect(tokens.size).toBe(1000)
  for (const token of tokens) expect(token).toMatch(/^ks-[0-9A-Za-z]{43}$/)
})

it('hashes a token with SHA-256', () => {
  // printf 'abc' | sha256sum
  const expected = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'
  expect(hashClientToken('abc').toString('hex')).toBe(expected)
})
