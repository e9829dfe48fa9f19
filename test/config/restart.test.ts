import { describe, expect, it } from 'vitest'

import type { Config } from '../../src/config/config.ts'
import { parseConfig } from '../../src/config/load.ts'
import { LIVE_SETTINGS } from '../../src/config/restart.ts'
import { settingInfo } from '../../src/config/setting-kinds.ts'
import { settingsShape } from '../../src/config/settings.ts'

const BASE = { UPSTREAM_API_KEY: 'hk-test-key', CLIENT_TOKENS: 'alice:ks-test-alice' }

function startWith(env: Record<string, string> = {}): Config {
  const { config, problems } = parseConfig({ ...BASE, ...env })
  if (config === undefined) throw new Error(problems.join('\n'))
  return config
}

function reload(running: Config, env: Record<string, string> = {}, yaml = '') {
  const file = { name: 'k.yaml', text: yaml }
  const result = parseConfig({ ...BASE, ...env }, file, { running })
  return { needsRestart: [], ...result }
}

/** A value of each setting that is not its default. */
const OTHER: Readonly<Record<string, string>> = {
  UPSTREAM_URL: 'https://other.example',
  HOST: '::1',
  ACCOUNT_URL: 'https://account.example',
  REDIS_URL: 'redis://127.0.0.1:6379',
  REDIS_FAILURE_MODE: 'closed',
  DATA_DIR: 'elsewhere',
  TIME_ZONE: 'Asia/Shanghai',
  OPEN_ACCESS: 'true',
  ALLOWED_ORIGINS: 'https://a.example',
  TRUST_PROXY: '10.0.0.0/8',
  LOG_LEVEL: 'warn',
  WORKERS: '2',
}

describe('a configuration that is read again', () => {
  it.each(Object.entries(settingsShape))('takes up %s, or says that it does not', (key, schema) => {
    const { env = '' } = settingInfo.get(schema) ?? {}
    const running = startWith()
    const isLive = LIVE_SETTINGS.some((name) => name === key)
    const { config, needsRestart } = reload(running, { [env]: OTHER[env] ?? '77' })
    expect(needsRestart).toEqual(isLive ? [] : [env])
    const before = JSON.stringify(Object.entries(running).find(([name]) => name === key))
    const after = JSON.stringify(Object.entries(config ?? {}).find(([name]) => name === key))
    const isKept = before === after || before === undefined
    expect(isKept).toBe(!isLive || key === 'trustProxy')
  })

  it('says the same of a setting that was taken out', () => {
    const running = startWith({ REDIS_URL: 'redis://127.0.0.1:6379' })
    const { config, needsRestart } = reload(running)
    expect(needsRestart).toEqual(['REDIS_URL'])
    expect(config?.redisUrl).toBe('redis://127.0.0.1:6379')
  })

  it('trusts other proxies at once', () => {
    const { config } = reload(startWith(), { TRUST_PROXY: '10.0.0.0/8' })
    expect(config?.isTrustedProxy('10.1.2.3')).toBe(true)
  })

  it('keeps the admin token, and says so without it', () => {
    const running = startWith({ ADMIN_TOKEN: 'ks-test-admin' })
    const { config, needsRestart } = reload(running, { ADMIN_TOKEN: 'ks-test-other' })
    expect(needsRestart).toEqual(['ADMIN_TOKEN'])
    expect(config?.adminToken?.reveal()).toBe('ks-test-admin')
    expect(reload(running).needsRestart).toEqual(['ADMIN_TOKEN'])
    expect(reload(running, { ADMIN_TOKEN: 'ks-test-admin' }).needsRestart).toEqual([])
  })

  // A process that listens on every address must not be talked into what is safe on a loopback address only: the
  // YAML can name another host, but nobody listens there.
  it('is checked against the address that is listened on, not the one it names', () => {
    const running = startWith({ HOST: '0.0.0.0' })
    const yaml = 'host: 127.0.0.1\nopenAccess: true\nrateLimitPerMinute: 0\n'
    expect(reload(running, {}, yaml).problems?.[0]).toMatch(
      /^OPEN_ACCESS: is true on HOST 0\.0\.0\.0/,
    )
    const nobody = reload(running, { CLIENT_TOKENS: '' }, 'host: 127.0.0.1')
    expect(nobody.problems?.[0]).toMatch(/^CLIENT_TOKENS: is not set while HOST is 0\.0\.0\.0/)
  })
})
