import { copyFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'

import { describe, expect, it } from 'vitest'

import { createFolder } from '../helpers/folder.ts'
import { TEST_CREDENTIAL, TEST_TOKEN } from '../helpers/gateway.ts'
import { listeningPort, startProcess } from '../helpers/process.ts'
import { echo, startUpstream } from '../helpers/upstream.ts'

const EXIT_CONFIG = 78
const KEY = { UPSTREAM_API_KEY: TEST_CREDENTIAL }
const TOKENS = { CLIENT_TOKENS: `alice:${TEST_TOKEN}` }

function writeFile(name: string, text: string): string {
  const path = join(createFolder(), name)
  writeFileSync(path, text)
  return path
}

async function failToStart(env: Readonly<Record<string, string>>): Promise<string> {
  const keystow = startProcess({ env: { PORT: '0', ...env } })
  expect(await keystow.exited).toBe(EXIT_CONFIG)
  expect(keystow.stdout()).toBe('')
  return keystow.stderr()
}

describe('npm start', () => {
  it('serves with nothing but a key, and prints a token for this run once', async () => {
    const upstream = await startUpstream(echo)
    const keystow = startProcess({ env: { PORT: '0', UPSTREAM_URL: upstream.origin, ...KEY } })
    const port = await listeningPort(keystow)
    await keystow.waitFor('CLIENT_TOKENS')
    const tokens = keystow.stderr().match(/ks-[0-9A-Za-z]{43}(?![0-9A-Za-z])/g)
    expect(tokens).toHaveLength(1)
    expect(keystow.stdout()).not.toContain('ks-')
    const headers = { authorization: `Bearer ${tokens?.[0]}` }
    expect((await fetch(`http://127.0.0.1:${port}/v1/models`, { headers })).status).toBe(200)
  })

  it('writes JSON lines to standard output and nothing else', async () => {
    const upstream = await startUpstream(echo)
    const env = { PORT: '0', UPSTREAM_URL: upstream.origin, ...KEY, ...TOKENS }
    const keystow = startProcess({ env })
    const port = await listeningPort(keystow)
    const headers = { authorization: `Bearer ${TEST_TOKEN}` }
    await fetch(`http://127.0.0.1:${port}/v1/models?key=${TEST_TOKEN}`, { headers })
    await keystow.waitFor('"msg":"request"')
    const lines = keystow.stdout().trim().split('\n')
    const line: unknown = JSON.parse(lines.at(-1) ?? '')
    expect(line).toEqual({
      level: 'info',
      time: expect.any(String),
      requestId: expect.stringMatching(/^req_/),
      method: 'GET',
      route: 'v1',
      path: '/v1/models',
      queryKeys: ['key'],
      status: 200,
      client: 'alice',
      durationMs: expect.any(Number),
      firstByteMs: expect.any(Number),
      bytes: expect.any(Number),
      ending: 'completed',
      msg: 'request',
    })
    for (const each of lines) expect(() => JSON.parse(each)).not.toThrow()
    expect(keystow.stderr()).toBe('')
    expect(keystow.stdout()).not.toContain(TEST_TOKEN)
  })

  it('reads .env without a word about it', async () => {
    const file = writeFile(
      '.env',
      `UPSTREAM_API_KEY=${TEST_CREDENTIAL}\nCLIENT_TOKENS=a:ks-test-a\n`,
    )
    const keystow = startProcess({ cwd: dirname(file), args: ['--check'] })
    expect(await keystow.exited).toBe(0)
    expect(keystow.stdout()).toBe('The configuration is valid.\n')
    expect(keystow.stderr()).toBe('')
  })

  it('takes the key from a file', async () => {
    const file = writeFile('key', `${TEST_CREDENTIAL}\n`)
    const keystow = startProcess({
      env: { UPSTREAM_API_KEY_FILE: file, ...TOKENS },
      args: ['--check'],
    })
    expect(await keystow.exited).toBe(0)
  })
})

describe('a configuration that cannot be used', () => {
  it.each<[string, Record<string, string>, RegExp]>([
    ['no key', TOKENS, /UPSTREAM_API_KEY: is not set; put the provider's key/],
    [
      'a sample key',
      { UPSTREAM_API_KEY: 'hk-your-key', ...TOKENS },
      /UPSTREAM_API_KEY: is a sample/,
    ],
    ['a key twice', { ...KEY, UPSTREAM_API_KEY_FILE: '/x', ...TOKENS }, /is set together with/],
    [
      'a key file that is missing',
      { UPSTREAM_API_KEY_FILE: '/nowhere/key', ...TOKENS },
      /does not exist/,
    ],
    [
      'a key file that is empty',
      { UPSTREAM_API_KEY_FILE: writeFile('key', '\n'), ...TOKENS },
      /is empty/,
    ],
    ['a folder for a key file', { UPSTREAM_API_KEY_FILE: tmpdir(), ...TOKENS }, /it is a folder/],
    [
      'nobody who may call on a public address',
      { ...KEY, HOST: '0.0.0.0' },
      /CLIENT_TOKENS: is not set/,
    ],
    [
      'open access without a limit on a public address',
      { ...KEY, HOST: '0.0.0.0', OPEN_ACCESS: 'true', RATE_LIMIT_PER_MINUTE: '0' },
      /OPEN_ACCESS: is true/,
    ],
    [
      'open access for every page on a public address',
      { ...KEY, HOST: '0.0.0.0', OPEN_ACCESS: 'true', ALLOWED_ORIGINS: '*' },
      /ALLOWED_ORIGINS: is \*/,
    ],
    [
      'open access for every page behind a proxy',
      { ...KEY, OPEN_ACCESS: 'true', ALLOWED_ORIGINS: '*', TRUST_PROXY: '127.0.0.1' },
      /ALLOWED_ORIGINS: is \*/,
    ],
    [
      'every proxy trusted',
      { ...KEY, ...TOKENS, TRUST_PROXY: 'true' },
      /TRUST_PROXY: "true" is not an address/,
    ],
    [
      'a number of proxies trusted',
      { ...KEY, ...TOKENS, TRUST_PROXY: '1' },
      /TRUST_PROXY: "1" is not/,
    ],
    [
      'plain HTTP to a public upstream',
      { ...KEY, ...TOKENS, UPSTREAM_URL: 'http://api.example.com' },
      /plain HTTP/,
    ],
    [
      'an upstream with a path',
      { ...KEY, ...TOKENS, UPSTREAM_URL: 'https://api.example.com/v1' },
      /use https:\/\/api\.example\.com$/m,
    ],
    [
      'an origin with a path',
      { ...KEY, ...TOKENS, ALLOWED_ORIGINS: 'https://a.example/app' },
      /write it as https:\/\/a\.example/,
    ],
    [
      'a number that is none',
      { ...KEY, ...TOKENS, RATE_LIMIT_PER_MINUTE: 'many' },
      /RATE_LIMIT_PER_MINUTE: "many" is not valid; give a whole number/,
    ],
    [
      'a client without a token',
      { ...KEY, CLIENT_TOKENS: 'ks-test-secret' },
      /CLIENT_TOKENS: entry 1 is not id:token/,
    ],
    [
      'two clients with one token',
      { ...KEY, CLIENT_TOKENS: 'a:ks-test-x,b:ks-test-x' },
      /same token/,
    ],
    [
      'a typo in the YAML',
      { ...KEY, ...TOKENS, KEYSTOW_CONFIG: writeFile('k.yaml', 'rateLimitPerMinut: 5\n') },
      /did you mean rateLimitPerMinute\?/,
    ],
    [
      'a typo in a client',
      {
        ...KEY,
        ...TOKENS,
        KEYSTOW_CONFIG: writeFile(
          'k.yaml',
          `clients: [{ id: a, tokenHash: ${'0'.repeat(64)}, model: [x] }]\n`,
        ),
      },
      /clients\.0\.model: is not a setting; did you mean models\?/,
    ],
    [
      'an alias that leads nowhere',
      {
        ...KEY,
        ...TOKENS,
        KEYSTOW_CONFIG: writeFile('k.yaml', 'allowedOrigins: *nobody\n'),
      },
      /k\.yaml: .*fix the YAML there/,
    ],
    [
      'a Redis that the Redis client cannot use',
      { ...KEY, ...TOKENS, REDIS_URL: 'redis://:ks-test-secret@redis.internal:notaport' },
      /REDIS_URL: the value is not valid; give a URL such as redis:/,
    ],
    [
      'every address trusted',
      { ...KEY, ...TOKENS, TRUST_PROXY: '0.0.0.0/0' },
      /TRUST_PROXY: "0\.0\.0\.0\/0" trusts addresses/,
    ],
    [
      'YAML that is none',
      { ...KEY, ...TOKENS, KEYSTOW_CONFIG: writeFile('k.yaml', 'a: [1\n') },
      /fix the YAML there/,
    ],
    [
      'a YAML file that is missing',
      { ...KEY, ...TOKENS, KEYSTOW_CONFIG: '/nowhere.yaml' },
      /KEYSTOW_CONFIG: the file does not exist/,
    ],
    [
      'a YAML file that cannot be read',
      { ...KEY, ...TOKENS, KEYSTOW_CONFIG: tmpdir() },
      /cannot be read \(EISDIR\)/,
    ],
    [
      'a second origin without a key of its own',
      {
        ...KEY,
        ...TOKENS,
        KEYSTOW_CONFIG: writeFile(
          'k.yaml',
          'routes: { suno: { prefix: /suno, upstream: "https://other.example" } }\n',
        ),
      },
      /credentialEnv/,
    ],
  ])('is named when it has %s', async (_what, env, message) => {
    const text = await failToStart(env)
    expect(text).toMatch(message)
    expect(text).not.toContain(TEST_CREDENTIAL)
    expect(text).not.toContain('ks-test-secret')
  })

  it('is named whole: every problem at once, one line each', async () => {
    const text = await failToStart({
      PORT: 'x',
      LOG_LEVEL: 'loud',
      TRUST_PROXY: 'true',
      HOST: '::',
    })
    expect(
      text
        .trim()
        .split('\n')
        .slice(1)
        .map((line) => line.trim().split(':')[0]),
    ).toEqual(['PORT', 'LOG_LEVEL', 'UPSTREAM_API_KEY', 'TRUST_PROXY', 'CLIENT_TOKENS'])
  })
})

describe('a YAML file that is not there', () => {
  it('is told with what is wrong beside it', async () => {
    const text = await failToStart({ PORT: 'x', KEYSTOW_CONFIG: '/nowhere.yaml' })
    expect(text.trim().split('\n').slice(1)).toEqual([
      '  KEYSTOW_CONFIG: the file does not exist; name the YAML file with the settings',
      '  PORT: "x" is not valid; give a whole number from 0 to 65535',
    ])
  })
})

describe('what may not be meant', () => {
  const odd = {
    ...KEY,
    HOST: '0.0.0.0',
    CLIENT_TOKENS: 'anna:1234',
    ALOWED_ORIGINS: 'https://a.example',
  }
  const lines = [
    'ALOWED_ORIGINS: is not a setting; did you mean ALLOWED_ORIGINS?',
    'CLIENT_TOKENS: the token of anna is shorter than 16 characters, and others can try to guess it; npm run token makes one',
  ]

  it('is told by --check', async () => {
    const keystow = startProcess({ env: odd, args: ['--check'] })
    expect(await keystow.exited).toBe(0)
    expect(keystow.stdout()).toBe(['The configuration is valid.', ...lines, ''].join('\n'))
  })

  it.each(['1', '2'])('is a warning in the log of %s event loops, once', async (workers) => {
    const keystow = startProcess({ env: { ...odd, PORT: '0', WORKERS: workers } })
    await listeningPort(keystow)
    await keystow.waitFor(lines[1] ?? '')
    const warnings = keystow.stdout().match(/^.*"level":"warn".*$/gm) ?? []
    expect(warnings.map((line): unknown => JSON.parse(line).msg)).toEqual(lines)
    expect(keystow.stdout()).not.toContain('1234')
  })

  it('is told with the problem that comes of it', async () => {
    const text = await failToStart({ UPSTREAM_KEY: TEST_CREDENTIAL, ...TOKENS })
    expect(text).toContain('\n  UPSTREAM_API_KEY: is not set;')
    expect(text).toContain('\n  UPSTREAM_KEY: is not a setting; did you mean UPSTREAM_API_KEY?\n')
  })
})

describe('.env.example, copied and not filled in', () => {
  it('is named by its samples, and by nothing else', async () => {
    const folder = createFolder()
    copyFileSync(new URL('../../.env.example', import.meta.url), join(folder, '.env'))
    const keystow = startProcess({ cwd: folder })
    expect(await keystow.exited).toBe(EXIT_CONFIG)
    expect(keystow.stderr()).toBe(
      `Keystow does not start:
  UPSTREAM_API_KEY: is a sample from a document; put the real secret there
  CLIENT_TOKENS: the token of my-app is a sample from a document; put the real secret there
`,
    )
  })
})

describe('the base URL for the token of this run', () => {
  it.each([
    ['127.0.0.1', '127.0.0.1'],
    ['::1', '[::1]'],
    ['localhost', 'localhost'],
  ])('can be used as it is printed with HOST=%s', async (host, shown) => {
    const upstream = await startUpstream(echo)
    const env = { PORT: '0', HOST: host, UPSTREAM_URL: upstream.origin, ...KEY }
    const keystow = startProcess({ env })
    await keystow.waitFor('CLIENT_TOKENS')
    const url = /with (http\S+) as the base URL/.exec(keystow.stderr())?.[1] ?? ''
    expect(new URL(url).hostname).toBe(shown)
    const token = /ks-[0-9A-Za-z]{43}/.exec(keystow.stderr())?.[0]
    const headers = { authorization: `Bearer ${token}` }
    expect((await fetch(`${url}/models`, { headers })).status).toBe(200)
  })
})

describe('a port that is taken', () => {
  it.each(['1', '2'])(
    'is said with what to do, and ends %s event loops with 1',
    async (workers) => {
      const upstream = await startUpstream(echo)
      const { port } = new URL(upstream.origin)
      const keystow = startProcess({ env: { PORT: port, WORKERS: workers, ...KEY, ...TOKENS } })
      expect(await keystow.exited).toBe(1)
      expect(keystow.stdout()).toContain(
        `cannot listen on 127.0.0.1:${port}: the port is taken; stop what listens there, or set PORT to another`,
      )
      expect(keystow.stderr()).toBe('')
    },
  )
})
