import { writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { describe, expect, it } from 'vitest'

import { hashClientToken } from '../../src/clients/client-token.ts'
import { parseConfig } from '../../src/config/load.ts'
import { createFolder } from '../helpers/folder.ts'

// Three secrets are set side by side, and pasted by hand. Put in each other's place, the provider's key is handed to
// every client, or a client reads what is the operator's.

const SECRET = 'test-0123456789abcdef'
const KEY = `hk-${SECRET}`
const TOKEN = 'ks-test-alice'
const ENV = { UPSTREAM_API_KEY: KEY, CLIENT_TOKENS: `alice:${TOKEN}` }

const yamlClient = (token: string): string =>
  `clients: [{ id: bob, tokenHash: '${hashClientToken(token).toString('hex')}' }]`

function problemsOf(env: Record<string, string>, yaml = ''): readonly string[] {
  const { problems = [] } = parseConfig({ ...ENV, ...env }, { name: 'k.yaml', text: yaml })
  const text = problems.join('\n')
  for (const secret of [SECRET, TOKEN, 'ks-test-s']) expect(text).not.toContain(secret)
  return problems
}

describe('secrets in each other’s place', () => {
  it.each<[string, Record<string, string>, string, RegExp]>([
    [
      'the key for a token',
      { CLIENT_TOKENS: `alice:${KEY}` },
      '',
      /^clients: the token of alice holds the key of UPSTREAM_API_KEY/,
    ],
    ['the key under another prefix', { CLIENT_TOKENS: `alice:sk-${SECRET}` }, '', /of alice holds/],
    ['the key without its prefix', { CLIENT_TOKENS: `alice:${SECRET}` }, '', /of alice holds/],
    ['the key within a token', { CLIENT_TOKENS: `alice:x-${KEY}-y` }, '', /of alice holds/],
    ['the key for a hashed token', {}, yamlClient(KEY), /^clients: the token of bob holds the key/],
    ['the key without its prefix, hashed', {}, yamlClient(SECRET), /of bob holds the key/],
    [
      'the key of a route for a token',
      { SUNO_API_KEY: 'hk-test-suno-0123', CLIENT_TOKENS: 'alice:hk-test-suno-0123' },
      'routes: { suno: { prefix: /suno, credentialEnv: SUNO_API_KEY } }',
      /^clients: the token of alice holds the key of routes\.suno/,
    ],
    ['the key for the admin token', { ADMIN_TOKEN: KEY }, '', /^ADMIN_TOKEN: holds the key of UP/],
    ['a token for the admin token', { ADMIN_TOKEN: TOKEN }, '', /^ADMIN_TOKEN: .* client alice/],
    [
      'a hashed token for the admin token',
      { ADMIN_TOKEN: 'ks-test-shared' },
      yamlClient('ks-test-shared'),
      /^ADMIN_TOKEN: is also the token of the client bob/,
    ],
    [
      'one token for two clients',
      { CLIENT_TOKENS: 'alice:ks-test-same,carol:ks-test-same' },
      '',
      /^clients: alice and carol have the same token/,
    ],
    ['one token in both places', {}, yamlClient(TOKEN), /bob and alice have the same token/],
  ])('(%s) are refused by name, once', (_what, env, yaml, line) => {
    const problems = problemsOf(env, yaml)
    expect(problems).toHaveLength(1)
    expect(problems[0]).toMatch(line)
  })

  it('are told apart by the file that a key came from', () => {
    const path = join(createFolder(), 'key')
    writeFileSync(path, KEY)
    const env = { UPSTREAM_API_KEY: '', UPSTREAM_API_KEY_FILE: path, ADMIN_TOKEN: KEY }
    expect(problemsOf(env)[0]).toContain('holds the key of UPSTREAM_API_KEY_FILE')
  })

  it('are not meant where a short key stands in a word by chance', () => {
    expect(problemsOf({ UPSTREAM_API_KEY: 'test' })).toEqual([])
  })
})

describe('a token that could be guessed', () => {
  it.each(['x', 'abc'])('(%s) is refused', (token) => {
    expect(problemsOf({ CLIENT_TOKENS: `alice:${token}` })[0]).toMatch(
      /^CLIENT_TOKENS: the token of alice is shorter than 4 characters/,
    )
    expect(problemsOf({ ADMIN_TOKEN: token })[0]).toMatch(/^ADMIN_TOKEN: is shorter than 4/)
  })

  it('has fewer than 4 characters', () => {
    expect(problemsOf({ CLIENT_TOKENS: 'alice:1234', ADMIN_TOKEN: '4321' })).toEqual([])
  })
})
