import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { describe, expect, it } from 'vitest'

import { parseConfig } from '../../src/config/load.ts'
import { createSecretFiles } from '../../src/config/secret-sources.ts'
import { createFolder } from '../helpers/folder.ts'

const TOKENS = { CLIENT_TOKENS: 'alice:ks-test-alice' }
const ONE = { UPSTREAM_API_KEY: 'hk-test-one' }

const parse = (env: Record<string, string>, yaml = '') =>
  parseConfig({ ...TOKENS, ...env }, { name: 'k.yaml', text: yaml })

function credentialsOf(env: Record<string, string>, yaml?: string, family = 'v1') {
  const { config, problems } = parse(env, yaml)
  expect(problems).toBeUndefined()
  const found = config?.families.find(({ name }) => name === family)
  return found?.credentials.map(({ credential, weight }) => [credential.reveal(), weight])
}

function writeFile(text: string): string {
  const path = join(createFolder(), 'key')
  writeFileSync(path, text)
  return path
}

describe('several keys', () => {
  it.each(['hk-test-1,hk-test-2', ' hk-test-1 , hk-test-2,', 'hk-test-1\nhk-test-2'])(
    'stand in one variable: %j',
    (value) => {
      const expected = [
        ['hk-test-1', 1],
        ['hk-test-2', 1],
      ]
      expect(credentialsOf({ UPSTREAM_API_KEY: value })).toEqual(expected)
      expect(credentialsOf({ UPSTREAM_API_KEY: value }, '', 'mj')).toEqual(expected)
    },
  )

  it.each(['hk-test-1\nhk-test-2\n', 'hk-test-1\r\n\r\nhk-test-2\r\n'])(
    'stand in one file: %j',
    (text) => {
      expect(credentialsOf({ UPSTREAM_API_KEY_FILE: writeFile(text) })).toEqual([
        ['hk-test-1', 1],
        ['hk-test-2', 1],
      ])
    },
  )

  it('stand in files and variables that the YAML names, with weights', () => {
    const file = writeFile('hk-test-1\nhk-test-2\n')
    const yaml = `credentials: [{ file: ${file}, weight: 2 }, { env: THIRD_KEY }, { env: FOURTH_KEY, weight: 5 }]`
    const env = { THIRD_KEY: 'hk-test-3', FOURTH_KEY_FILE: writeFile('hk-test-4') }
    expect(credentialsOf(env, yaml)).toEqual([
      ['hk-test-1', 2],
      ['hk-test-2', 2],
      ['hk-test-3', 1],
      ['hk-test-4', 5],
    ])
    expect(parse(env, yaml).config?.secretFiles).toEqual([file, env.FOURTH_KEY_FILE])
  })

  it('may be those of a route', () => {
    const yaml =
      'routes: { suno: { prefix: /suno, upstream: "https://suno.example", credentials: [{ env: A_KEY }, { env: B_KEY, weight: 3 }] } }'
    const env = { ...ONE, A_KEY: 'hk-test-a', B_KEY: 'hk-test-b' }
    expect(credentialsOf(env, yaml, 'suno')).toEqual([
      ['hk-test-a', 1],
      ['hk-test-b', 3],
    ])
    expect(credentialsOf(env, yaml)).toEqual([['hk-test-one', 1]])
  })

  it('print as nothing that could be used', () => {
    const { config } = parse({ UPSTREAM_API_KEY: 'hk-test-1,hk-test-2' })
    expect(JSON.stringify(config)).not.toContain('hk-test')
  })
})

describe('keys that cannot be used', () => {
  it.each<[string, Record<string, string>, string, RegExp]>([
    ['a sample', { UPSTREAM_API_KEY: 'hk-test-1,hk-your-key' }, '', /KEY: key 2 of 2 is a sample/],
    ['a space', { UPSTREAM_API_KEY: 'hk-test-1,hk test-2' }, '', /KEY: key 2 of 2 holds a space/],
    ['quotes', { UPSTREAM_API_KEY: '"hk-test-key"' }, '', /^UPSTREAM_API_KEY: stands in quotes/],
    ['commas alone', { UPSTREAM_API_KEY: ', ,' }, '', /UPSTREAM_API_KEY: is empty/],
    [
      'two places',
      { ...ONE, A_KEY: 'hk-test-a' },
      'credentials: [{ env: A_KEY }]',
      /^credentials: is set together with UPSTREAM_API_KEY/,
    ],
    ['no list', {}, 'credentials: []', /^credentials/],
    ['no source', {}, 'credentials: [{ weight: 2 }]', /^credentials\.0: name either the file or/],
    [
      'two sources',
      {},
      'credentials: [{ file: /x, env: A_KEY }]',
      /^credentials\.0: name either the file or/,
    ],
    [
      'an unset variable',
      {},
      'credentials: [{ env: A_KEY }]',
      /^A_KEY: is not set; credentials\.0/,
    ],
    [
      'a missing file',
      {},
      'credentials: [{ file: /nowhere/key }]',
      /^credentials\.0\.file: the file does not exist/,
    ],
    ['no weight', {}, 'credentials: [{ env: A_KEY, weight: 0 }]', /whole number from 1 to 1000/],
    [
      'a key in the YAML',
      {},
      'credentials: [{ key: hk-test-pasted }]',
      /^credentials\.0\.key: is not a setting; did you mean env\?\ncredentials\.0: name [^\n]*$/,
    ],
    [
      'a key in place of an entry',
      {},
      'credentials: [hk-test-pasted]',
      /^credentials\.0: is a text; name either the file/,
    ],
    [
      'a route with both',
      { ...ONE, A_KEY: 'hk-test-a' },
      'routes: { a: { prefix: /a, credentialEnv: A_KEY, credentials: [{ env: A_KEY }] } }',
      /^routes\.a\.credentials: is set together with credentialEnv/,
    ],
    [
      'a typo within a route',
      { ...ONE, A_KEY: 'hk-test-a' },
      'routes: { a: { prefix: /a, credentials: [{ env: A_KEY, wieght: 1 }] } }',
      /^routes\.a\.credentials\.0\.wieght: is not a setting; did you mean weight\?/,
    ],
  ])('for %s are named', (_what, env, yaml, message) => {
    const text = parse(env, yaml).problems?.join('\n')
    expect(text).toMatch(message)
    expect(text).not.toContain('hk-test')
    expect(text).not.toContain('hk test')
  })
})

describe('a file of keys that is read again', () => {
  const read = (files: ReturnType<typeof createSecretFiles>, path: string) => {
    const env = { ...TOKENS, UPSTREAM_API_KEY_FILE: path }
    const { config, problems, ...rest } = parseConfig(env, undefined, { files })
    const [family] = config?.families ?? []
    return {
      keys: family?.credentials.map(({ credential }) => credential.reveal()),
      notices: 'notices' in rest ? rest.notices : [],
      problems,
    }
  }

  it('gives what it holds now', () => {
    const files = createSecretFiles()
    const path = writeFile('hk-test-1')
    expect(read(files, path).keys).toEqual(['hk-test-1'])
    writeFileSync(path, 'hk-test-2\nhk-test-3\n')
    expect(read(files, path)).toEqual({ keys: ['hk-test-2', 'hk-test-3'], notices: [] })
  })

  it.each<[string, (path: string) => void, RegExp]>([
    ['is empty', (path) => writeFileSync(path, '\n'), /is empty/],
    ['holds a sample', (path) => writeFileSync(path, 'hk-your-key'), /is a sample/],
    ['holds a sample too', (path) => writeFileSync(path, 'hk-test-2\nhk-xxxx'), /key 2 of 2 is a/],
    ['is gone', (path) => rmSync(path), /does not exist/],
  ])('keeps what it held when it %s', (_how, change, notice) => {
    const files = createSecretFiles()
    const path = writeFile('hk-test-1')
    read(files, path)
    change(path)
    const again = read(files, path)
    expect(again.keys).toEqual(['hk-test-1'])
    expect(again.notices).toHaveLength(1)
    expect(again.notices[0]).toMatch(
      /^UPSTREAM_API_KEY_FILE: .*\(what it held before stays in use\)$/,
    )
    expect(again.notices[0]).toMatch(notice)
    expect(again.notices[0]).not.toContain('hk-test')
  })
})
