import { describe, expect, it } from 'vitest'

import { parseConfig } from '../../src/config/load.ts'
import { nearestKey } from '../../src/config/nearest-key.ts'

const BASE = { UPSTREAM_API_KEY: 'hk-test-key', CLIENT_TOKENS: 'alice:ks-test-alice' }

const parse = (env: Record<string, string> = {}, yaml?: string) =>
  parseConfig({ ...BASE, ...env }, yaml === undefined ? undefined : { name: 'k.yaml', text: yaml })

describe('settings', () => {
  it('have the documented defaults', () => {
    expect(parse().config).toMatchObject({
      upstreamUrl: 'https://api.openai-hk.com',
      host: '127.0.0.1',
      port: 8787,
      openAccess: false,
      allowedOrigins: [],
      rateLimitPerMinute: 60,
      concurrencyLimit: 16,
      bodyLimitMb: 32,
      redisFailureMode: 'open',
      dataDir: 'data',
      upstreamConnectTimeoutMs: 5000,
      upstreamFirstByteTimeoutMs: 600_000,
      upstreamIdleTimeoutMs: 120_000,
      sseHeartbeatMs: 15_000,
      drainTimeoutMs: 30_000,
      logLevel: 'info',
    })
  })

  it('come from the YAML, and the environment is stronger', () => {
    const yaml = 'port: 9000\nallowedOrigins: [https://a.example]\nrateLimitPerMinute: 5\n'
    const { config } = parse({ PORT: '9001' }, yaml)
    expect(config).toMatchObject({
      port: 9001,
      allowedOrigins: ['https://a.example'],
      rateLimitPerMinute: 5,
    })
  })

  it('take an empty variable for an unset one', () => {
    expect(parse({ PORT: '', REDIS_URL: '', OPEN_ACCESS: '' }).config).toMatchObject({ port: 8787 })
  })

  it('are frozen, and print no secret', () => {
    const { config } = parse({ ADMIN_TOKEN: 'ks-test-admin' })
    expect(Object.isFrozen(config)).toBe(true)
    const printed = JSON.stringify(config)
    expect(printed).not.toContain('hk-test-key')
    expect(printed).not.toContain('ks-test-a')
  })

  it('repeat no value that may hold a password', () => {
    const { problems } = parse({
      REDIS_URL: 'http://user:hunter2@host',
      UPSTREAM_URL: 'https://u:hunter2@h',
    })
    expect(problems).toHaveLength(2)
    expect(problems?.join('\n')).not.toContain('hunter2')
  })

  it.each([
    'redis://:hunter2@redis.internal:notaport',
    'redis://:hunter2@h:6379/abc',
    'redis://:hunter2%zz@h',
    'redis://:hunter2@',
    'redis:///0',
  ])('refuse %s, which the Redis client cannot use', (url) => {
    const { problems } = parse({ REDIS_URL: url })
    expect(problems).toHaveLength(1)
    expect(problems?.[0]).toMatch(/^REDIS_URL: the value is not valid; give a URL such as/)
    expect(problems?.[0]).not.toContain('hunter2')
  })

  it.each(['redis://h', 'rediss://u:p%40@h:6380/2', 'redis://[::1]:6379/'])(
    'take the Redis URL %s',
    (url) => {
      expect(parse({ REDIS_URL: url }).problems).toBeUndefined()
    },
  )

  it('refuse secrets in the YAML', () => {
    expect(parse({}, 'redisUrl: redis://:hunter2@host\n').problems?.[0]).toMatch(
      /^redisUrl: holds a password/,
    )
    expect(parse({}, 'upstreamApiKey: hk-test\n').problems?.[0]).toMatch(
      /is read from the environment alone/,
    )
  })

  it.each([
    'hk-xxxxxx',
    'hk-替换为你的key',
    'hk-你的key',
    'hk-your-key',
    'changeme',
    '<key>',
    'hk-…',
  ])('refuse the sample %s', (sample) => {
    expect(parse({ UPSTREAM_API_KEY: sample }).problems?.[0]).toMatch(/is a sample/)
  })

  it.each([
    ['an alias that leads nowhere', 'allowedOrigins: *nobody\n'],
    [
      'aliases that grow without bound',
      [
        'a: &a [x, x, x, x, x, x, x, x, x, x]',
        ...'bcdefgh'
          .split('')
          .map(
            (name, at) =>
              `${name}: &${name} [${Array.from({ length: 10 }, () => `*${'abcdefg'[at]}`).join(', ')}]`,
          ),
      ].join('\n'),
    ],
  ])('refuse %s in the YAML, as a problem and not as an exception', (_what, yaml) => {
    expect(parse({}, yaml).problems?.[0]).toMatch(/fix the YAML there/)
  })

  it.each([
    [{ CLIENT_TOKENS: 'alice:your-token' }, ''],
    [{ CLIENT_TOKENS: '' }, 'clients: [{ id: a, tokenHash: abc }]'],
  ])('do not say that there are no clients where they were refused', (env, yaml) => {
    const { problems = [] } = parse({ HOST: '0.0.0.0', ...env }, yaml)
    expect(problems).toHaveLength(1)
    expect(problems[0]).not.toContain('is not set')
  })

  it.each(['hk test', 'hk-test\r\nx: y', 'hk-tést'])(
    'refuse a key that cannot be a header',
    (key) => {
      const { problems } = parse({ UPSTREAM_API_KEY: key })
      expect(problems?.[0]).toMatch(/cannot stand in a header/)
      expect(problems?.[0]).not.toContain(key)
    },
  )

  it.each([
    ['routes: { a: { prefix: /v1/x } }', /overlaps \/v1/],
    ['routes: { a: { prefix: /a }, b: { prefix: /a/b } }', /overlaps \/a/],
    ['routes: { a: { prefix: /a/ } }', /give a path such as/],
    ['routes: { a: { prefix: /a, template: Bearer } }', /put \{credential\}/],
    [
      'routes: { a: { prefix: /a, upstream: "http://example.com", credentialEnv: A_KEY } }',
      /plain HTTP/,
    ],
    ['routes: { a: { prefix: /a, credentialEnv: A_KEY } }', /A_KEY: is not set/],
    ['routes: { a: { prefx: /a } }', /routes\.a\.prefx: is not a setting; did you mean prefix\?/],
    ['clients: [{ id: a, tokenHash: abc }]', /64 hex digits/],
    ['clients: [{ id: "a b", tokenHash: abc }]', /letters, digits/],
    ['openPaths: files', /openPaths/],
    ['forwardHeaders: ["a b"]', /forwardHeaders\.0: give names of request headers/],
    ...[
      'Authorization',
      'cookie',
      'API_KEY',
      'x-goog-api-key',
      'proxy-authorization',
      'sec-websocket-protocol',
      'x-ptoken',
      'connection',
      'transfer-encoding',
      'Host',
      'x-forwarded-for',
    ].flatMap((name): [string, RegExp][] => [
      [`forwardHeaders: [x-a, ${name}]`, /forwardHeaders\.1: names a header that never leaves/],
      [
        `routes: { a: { prefix: /a, forwardHeaders: [${name}] } }`,
        /routes\.a\.forwardHeaders\.0: names a header that never leaves/,
      ],
    ]),
    ['[]', /is not a list of settings/],
  ])('of the YAML %s', (yaml, problem) => {
    const { problems } = parse({}, yaml)
    expect(problems?.join('\n')).toMatch(problem)
  })

  it.each(['host: ', 'routes:', 'clients:', '# nothing', ''])(
    'of the YAML %j are the defaults',
    (yaml) => {
      expect(parse({}, yaml).problems).toBeUndefined()
    },
  )
})

describe('nearestKey', () => {
  it.each([
    ['rateLimitPerMinut', 'rateLimitPerMinute'],
    ['RATELIMITPERMINUTE', 'rateLimitPerMinute'],
    ['prot', 'port'],
    ['somethingElse', undefined],
  ])('finds for %s %s', (typed, nearest) => {
    expect(nearestKey(typed, ['port', 'host', 'rateLimitPerMinute'])).toBe(nearest)
  })
})
