import { writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { describe, expect, it } from 'vitest'

import { parseConfig } from '../../src/config/load.ts'
import { createFolder } from '../helpers/folder.ts'

// Who mends one line and starts again, to be told of the next that was there all along, has been kept waiting.

const ENV = { UPSTREAM_API_KEY: 'hk-test-key', CLIENT_TOKENS: 'alice:ks-test-alice' }

const problemsOf = (env: Record<string, string>, yaml = ''): readonly string[] =>
  parseConfig({ ...ENV, ...env }, { name: 'k.yaml', text: yaml }).problems ?? []

const namesOf = (problems: readonly string[]): string[] =>
  problems.map((line) => line.split(': ', 1)[0] ?? '')

describe('problems are told in one go', () => {
  it('of the environment, the YAML, clients, families, keys and prices', () => {
    const prices = join(createFolder(), 'prices.yaml')
    writeFileSync(
      prices,
      'currency: EUR\nmodels: { m: { inputPerMilion: 1 }, n: { perCall: x } }\n',
    )
    const env = {
      UPSTREAM_API_KEY: 'hk-your-key,hk-test-key,hk-xxx',
      CLIENT_TOKENS: 'alice:x,nobody,carol:your-token',
      ADMIN_TOKEN: 'abc',
      TRUST_PROXY: 'true,1,10.0.0.0/8,0.0.0.0/0',
      ALLOWED_ORIGINS: 'https://a.example/,b.example',
      REDIS_URL: 'localhost',
      PRICING_FILE: prices,
      PORT: 'x',
    }
    const yaml = `rateLimitPerMinut: 5
workers: many
clients:
  - { id: bad one, tokenHash: short }
  - { id: bob, tokenHash: '${'1'.repeat(64)}', origins: [c.example], modls: [x] }
  - { id: carl, tokenHash: '${'2'.repeat(64)}', origins: [d.example] }
  - { id: carl, tokenHash: '${'2'.repeat(64)}' }
routes:
  a: { prefx: /a }
  b: { prefix: /v1, upstream: 'http://public.example', credentialEnv: NOT_SET }
  mj: { prefix: /b }
`
    const problems = problemsOf(env, yaml)
    expect(new Set(problems).size).toBe(problems.length)
    expect(namesOf(problems)).toEqual([
      'k.yaml',
      'PORT',
      'workers',
      'REDIS_URL',
      'clients.0.id',
      'clients.0.tokenHash',
      'clients.1.modls',
      'routes.a.prefix',
      'routes.a.prefx',
      'UPSTREAM_API_KEY',
      'ADMIN_TOKEN',
      'TRUST_PROXY',
      'TRUST_PROXY',
      'TRUST_PROXY',
      'ALLOWED_ORIGINS',
      'ALLOWED_ORIGINS',
      'clients.carl.origins',
      'CLIENT_TOKENS',
      'CLIENT_TOKENS',
      'CLIENT_TOKENS',
      'clients',
      'routes.b.prefix',
      'NOT_SET',
      'routes.b.upstream',
      'routes.mj',
      prices,
      prices,
      prices,
    ])
  })

  it.each(['localhost', 'http://h', 'redis://', 'redis://h:x'])('once for REDIS_URL=%s', (url) => {
    expect(namesOf(problemsOf({ REDIS_URL: url }))).toEqual(['REDIS_URL'])
  })
})

describe('a YAML file that cannot be read', () => {
  const env = { PORT: 'x', HOST: '0.0.0.0' }

  it('hides nothing of the environment', () => {
    const fileProblem = 'KEYSTOW_CONFIG: the file does not exist'
    const { problems = [] } = parseConfig(env, undefined, { fileProblem })
    expect(namesOf(problems)).toEqual(['KEYSTOW_CONFIG', 'PORT'])
  })

  it.each(['a: [1\n', '- a\n', 'a: *nobody\n'])(
    'does not make its clients and keys missing: %j',
    (text) => {
      const { problems = [] } = parseConfig(env, { name: 'k.yaml', text })
      expect(namesOf(problems)).toEqual(['k.yaml', 'PORT'])
    },
  )
})
