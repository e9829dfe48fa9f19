import { writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { describe, expect, it } from 'vitest'

import { parseConfig } from '../../src/config/load.ts'
import { settingInfo } from '../../src/config/setting-kinds.ts'
import { settingsShape } from '../../src/config/settings.ts'
import { createFolder } from '../helpers/folder.ts'

// An operator reads these lines at night. "Invalid input" says neither what stands there nor what should.

const KEY = { UPSTREAM_API_KEY: 'hk-test-key' }
const TOKENS = { CLIENT_TOKENS: 'alice:ks-test-alice' }
const HASH = `'${'0'.repeat(64)}'`

function problemsOf(yaml: string, env: Record<string, string> = { ...KEY, ...TOKENS }): string {
  const { problems } = parseConfig(env, { name: 'k.yaml', text: yaml })
  const text = problems?.join('\n') ?? ''
  expect(text).not.toMatch(/invalid input|too small|too big|expected/i)
  return text
}

describe('a wrong type for a setting', () => {
  it.each(Object.entries(settingsShape))('(%s) is named with what is expected', (name, schema) => {
    const expected = settingInfo.get(schema)?.expected ?? 'never'
    for (const value of ['{ a: 1 }', '[[1]]', '{ a: { b: [x] } }']) {
      const line = problemsOf(`${name}: ${value}`)
      expect(line).toContain(`${name}: the value is not valid; give ${expected}`)
    }
  })

  it('of an origin that would match nothing is named', () => {
    const line = problemsOf('allowedOrigins: ["https://*.example.com"]')
    expect(line).toMatch(/^ALLOWED_ORIGINS: "https:..\*.example.com" would match nothing/)
  })

  it('that refers to itself is named too', () => {
    expect(problemsOf('allowedOrigins: &a [*a]')).toMatch(/^allowedOrigins: the value is not valid/)
  })
})

describe('a secret in the YAML', () => {
  it.each([
    ['upstreamApiKey', 'UPSTREAM_API_KEY'],
    ['UPSTREAM_API_KEY_FILE', 'UPSTREAM_API_KEY_FILE'],
    ['client_tokens', 'CLIENT_TOKENS'],
    ['adminToken', 'ADMIN_TOKEN'],
  ])('(%s) is sent to the environment', (key, variable) => {
    expect(problemsOf(`${key}: hk-test-pasted`)).toBe(
      `k.yaml: ${key}: is read from the environment alone; set ${variable} there or in .env`,
    )
  })
})

describe('a wrong type in the YAML', () => {
  const client = (rest: string): string => `clients: [{ id: a, tokenHash: ${HASH}, ${rest} }]`
  const route = (rest: string): string => `routes: { a: { prefix: /a, ${rest} } }`
  it.each<[string, RegExp]>([
    ['clients: x', /^clients: is a text; write a list of clients: \[\{ id: my-app/],
    ['clients: { a: 1 }', /^clients: is a group of settings; write a list of clients/],
    ['clients: [x]', /^clients\.0: is a text; write the settings of a client: \{ id/],
    ['clients: [{}]', /^clients\.0\.id: is missing; give each client an id/],
    [`clients: [{ id: 1, tokenHash: ${HASH} }]`, /^clients\.0\.id: is a number; give each/],
    ['clients: [{ id: a, tokenHash: 5 }]', /tokenHash: is a number; .* 64 hex digits .*in quotes/],
    [client('origins: x'), /^clients\.0\.origins: is a text; write a list of origins/],
    [client('origins: [1]'), /^clients\.0\.origins\.0: is a number; give an origin such as/],
    [client('models: x'), /^clients\.0\.models: is a text; write a list of models/],
    [client('models: [1]'), /^clients\.0\.models\.0: is a number; give the name of a model/],
    [client("models: ['']"), /^clients\.0\.models\.0: give the name of a model/],
    [client('paths: x'), /^clients\.0\.paths: is a text; write a list of paths/],
    [client('paths: [1]'), /^clients\.0\.paths\.0: is a number; give a path such as/],
    [client('rateLimitPerMinute: x'), /PerMinute: is a text; give a whole number from 0/],
    [client('rateLimitPerMinute: 0.5'), /PerMinute: .*give a whole number from 0/],
    [client('concurrencyLimit: -1'), /^clients\.0\.concurrencyLimit: give a whole number from 0/],
    [client('budgetPerDay: lots'), /^clients\.0\.budgetPerDay: give an amount such as 5/],
    [client('budgetPerMonth: -1'), /^clients\.0\.budgetPerMonth: give an amount such as 5/],
    [client('budgetPerDay: [1]'), /budgetPerDay: is a list that does not fit; give an amount/],
    [client('quotaPerDay: -3'), /^clients\.0\.quotaPerDay: give a whole number from 0/],
    [client('quotaPerMonth: 1.5'), /quotaPerMonth: .*give a whole number from 0/],
    ['routes: x', /^routes: is a text; write families by name/],
    ['routes: [1]', /^routes: is a list that does not fit; write families by name/],
    ['routes: { a: x }', /^routes\.a: is a text; write the settings of a family/],
    ['routes: { a: {} }', /^routes\.a\.prefix: is missing; give a path such as \/suno, or a list/],
    ['routes: { a: { prefix: 1 } }', /^routes\.a\.prefix: is a number; give a path such as/],
    ['routes: { a: { prefix: [] } }', /^routes\.a\.prefix: give a path such as/],
    ['routes: { a: { prefix: [1] } }', /^routes\.a\.prefix: is a list that does not fit; give/],
    [route('upstream: 1'), /^routes\.a\.upstream: is a number; give an origin such as/],
    [route('credentialEnv: 1'), /^routes\.a\.credentialEnv: is a number; name an environment/],
    [route('header: 1'), /^routes\.a\.header: is a number; give the name of a request header/],
    [route('template: 1'), /^routes\.a\.template: is a number; put \{credential\} where/],
    [route("template: '{credential} {credential}'"), /^routes\.a\.template: put \{credential\}/],
    [route('template: "é{credential}"'), /^routes\.a\.template: use visible ASCII/],
    [route('forwardHeaders: x'), /forwardHeaders: is a text; write a list of request headers/],
    [route('forwardHeaders: [1]'), /forwardHeaders\.0: is a number; give names of request/],
    [route('credentials: x'), /^routes\.a\.credentials: is a text; write a list of at least one/],
    ['openPaths: x', /^openPaths: is a text; write a list of paths/],
    ['openPaths: [1]', /^openPaths\.0: is a number; give a path such as/],
    ['openPaths: [/v1/../x]', /^openPaths\.0: give a path such as/],
    ['forwardHeaders: x', /^forwardHeaders: is a text; write a list/],
    ['forwardHeaders: [1]', /^forwardHeaders\.0: is a number; give names/],
  ])('%s is named with what is expected', (yaml, line) => {
    expect(problemsOf(yaml)).toMatch(line)
  })

  it.each<[string, RegExp]>([
    ['credentials: x', /^credentials: is a text; write a list of at least one/],
    ['credentials: []', /^credentials: write a list of at least one/],
    ['credentials: [x]', /^credentials\.0: is a text; name either the file or/],
    ['credentials: [{ file: 1 }]', /^credentials\.0\.file: is a number; name the file/],
    ['credentials: [{ env: 1 }]', /^credentials\.0\.env: is a number; name an environment/],
    ['credentials: [{ env: A, weight: x }]', /weight: is a text; give a whole number from 1/],
  ])('%s is named with what is expected', (yaml, line) => {
    expect(problemsOf(yaml, TOKENS)).toMatch(line)
  })

  it.each<[string, RegExp]>([
    ['[]', /is not a list of settings/],
    ['currency: 1', /currency: give USD or CNY/],
    ['models: x', /models: write a list of models/],
    ['models: { a: x }', /models\.a: write its rates/],
    ['models: { a: { perCall: x } }', /models\.a\.perCall: give an amount/],
    ['models: { a: { images: x } }', /models\.a\.images: write a list/],
    ['models: { a: { images: [x] } }', /models\.a\.images\.0: write a size or a quality/],
    ['models: { a: { images: [{ size: 1, perImage: 1 }] } }', /size: give a text, such as/],
    ["models: { a: { images: [{ size: '', perImage: 1 }] } }", /size: give a text, such as/],
  ])('%s of prices is named with what is expected', (yaml, line) => {
    const path = join(createFolder(), 'prices.yaml')
    writeFileSync(path, yaml)
    expect(problemsOf('', { ...KEY, ...TOKENS, PRICING_FILE: path })).toMatch(line)
  })
})

describe('a family that could not work', () => {
  it.each(
    '/v1 /v1/x /V1/x /mj /admin /Admin/x /healthz /readyz /metrics /dashboard /openai /fast /turbo/mj/x'.split(
      ' ',
    ),
  )('by its prefix %s is refused, for what has it already', (prefix) => {
    const yaml = `routes: { a: { prefix: ${prefix} } }`
    expect(problemsOf(yaml)).toMatch(/^routes\.a\.prefix: \S+ overlaps \/\S+; choose another/)
  })

  it.each(['/videos', '/images', '/chat', '/chat/completions', '/models/x', '/files', '/Audio'])(
    'by its prefix %s is refused, for what /v1 is put before',
    (prefix) => {
      const yaml = `routes: { a: { prefix: [/a, ${prefix}] } }`
      expect(problemsOf(yaml)).toMatch(/^routes\.a\.prefix: \S+ would never be reached: \S+ means/)
    },
  )

  it.each(['/evals', '/organization', '/chatkit/sessions'])(
    'by its prefix %s is refused, for what is closed under /v1',
    (prefix) => {
      const yaml = `routes: { a: { prefix: ${prefix} } }`
      expect(problemsOf(yaml)).toMatch(/would take in \/v1\S+, which is closed; choose another/)
    },
  )

  it.each(['v1', 'mj'])('by its name %s is refused', (name) => {
    expect(problemsOf(`routes: { ${name}: { prefix: /a } }`)).toMatch(/is the name of a family/)
  })

  it.each(
    'host Host connection keep-alive te trailer upgrade expect transfer-encoding Transfer_Encoding content-length content-encoding content-type accept-encoding proxy-authorization x-forwarded-for sec-x'.split(
      ' ',
    ),
  )('by its header %s is refused', (header) => {
    const yaml = `routes: { a: { prefix: /a, header: ${header} } }`
    expect(problemsOf(yaml)).toMatch(/^routes\.a\.header: cannot hold a credential/)
  })

  it.each(['authorization', 'X-API-Key', 'mj-api-secret', 'x-goog-api-key', 'cookie'])(
    'is none by its header %s',
    (header) => {
      expect(problemsOf(`routes: { a: { prefix: /a, header: ${header} } }`)).toBe('')
    },
  )
})

describe('trusted proxies', () => {
  it.each(['0.0.0.0/0', '10.0.0.0/7', '::/0', '2000::/3', '::ffff:0:0/96', '::FFFF:10.0.0.0/103'])(
    'are not everybody: %s',
    (entry) => {
      const text = problemsOf('', { ...KEY, ...TOKENS, TRUST_PROXY: entry })
      expect(text).toMatch(/^TRUST_PROXY: ".*" trusts addresses that anybody may have; name the/)
    },
  )

  it.each(['10.0.0.0/8', 'fc00::/7', '127.0.0.1', '::1', '::ffff:10.0.0.0/104'])(
    'may be %s',
    (entry) => {
      expect(problemsOf('', { ...KEY, ...TOKENS, TRUST_PROXY: entry })).toBe('')
    },
  )
})
