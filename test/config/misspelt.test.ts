import { describe, expect, it } from 'vitest'

import { parseConfig } from '../../src/config/load.ts'
import { settingInfo } from '../../src/config/setting-kinds.ts'
import { settingsShape } from '../../src/config/settings.ts'
import { TEST_CREDENTIAL } from '../helpers/gateway.ts'

const BASE = { UPSTREAM_API_KEY: TEST_CREDENTIAL, CLIENT_TOKENS: 'alice:ks-test-alice' }

const noticesOf = (env: Record<string, string>, yaml = ''): readonly string[] =>
  parseConfig({ ...BASE, ...env }, { name: 'k.yaml', text: yaml }).notices

describe('a variable that looks like a setting', () => {
  it.each([
    ['ALOWED_ORIGINS', 'ALLOWED_ORIGINS'],
    ['ALLOWED_ORIGIN', 'ALLOWED_ORIGINS'],
    ['allowed_origins', 'ALLOWED_ORIGINS'],
    ['RATE_LIMIT', 'RATE_LIMIT_PER_MINUTE'],
    ['RATE_LIMIT_PER_MINTUE', 'RATE_LIMIT_PER_MINUTE'],
    ['BUDGET_PER_MOTNH', 'BUDGET_PER_MONTH'],
    ['TOTAL_BUDGET_PERDAY', 'TOTAL_BUDGET_PER_DAY'],
    ['UPSTREAM_ULR', 'UPSTREAM_URL'],
    ['KEYSTOW_PORT', 'PORT'],
    ['KEYSTOW_ADMIN_TOKN', 'ADMIN_TOKEN'],
    ['KEYSTOW_CONFG', 'KEYSTOW_CONFIG'],
    ['DATADIR', 'DATA_DIR'],
    ['TRUST_PROXI', 'TRUST_PROXY'],
    ['OPEN_ACESS', 'OPEN_ACCESS'],
    ['REDISURL', 'REDIS_URL'],
    ['LOGLEVEL', 'LOG_LEVEL'],
    ['TIMEZONE', 'TIME_ZONE'],
    ['ADMIN_TOKEN_FIEL', 'ADMIN_TOKEN_FILE'],
  ])('(%s) is told with the one that was meant', (typed, meant) => {
    expect(noticesOf({ [typed]: 'x' })).toEqual([
      `${typed}: is not a setting; did you mean ${meant}?`,
    ])
  })

  it.each([
    ['UPSTREAM_KEY', 'UPSTREAM_API_KEY'],
    ['UPSTREAM_KEY_FILE', 'UPSTREAM_API_KEY_FILE'],
    ['CLIENT_TOKEN', 'CLIENT_TOKENS'],
  ])('(%s) is told with the problem that comes of it', (typed, meant) => {
    const { problems, notices } = parseConfig({ HOST: '0.0.0.0', [typed]: 'ks-test-value' })
    expect(problems).toHaveLength(2)
    expect(notices).toEqual([`${typed}: is not a setting; did you mean ${meant}?`])
  })

  it('is told by its prefix when nothing is near', () => {
    expect(noticesOf({ UPSTREAM_TEAPOT: 'x' })).toEqual([
      'UPSTREAM_TEAPOT: is not a setting; README.md lists them',
    ])
  })

  it('never shows its value', () => {
    expect(noticesOf({ ADMIN_TOKENS: 'ks-test-hunter2' }).join()).not.toContain('hunter2')
  })
})

// A warning at each start that means nothing teaches its reader to pass over warnings.
describe('a variable of somebody else', () => {
  it.each([
    'PATH HOME HOSTNAME USER LOGNAME SHELL TERM PWD OLDPWD SHLVL LANG LANGUAGE LC_ALL TZ TMPDIR EDITOR PAGER MAIL _',
    'XDG_DATA_DIRS XDG_CONFIG_DIRS XDG_DATA_HOME XDG_RUNTIME_DIR DBUS_SESSION_BUS_ADDRESS SSH_AUTH_SOCK SSH_CLIENT DISPLAY',
    'HTTP_PROXY HTTPS_PROXY NO_PROXY http_proxy https_proxy no_proxy ALL_PROXY SSL_CERT_FILE SSL_CERT_DIR',
    'NODE_ENV NODE_OPTIONS NODE_PATH NODE_VERSION YARN_VERSION NODE_EXTRA_CA_CERTS NODE_TLS_REJECT_UNAUTHORIZED UV_THREADPOOL_SIZE',
    'npm_config_port npm_config_host npm_config_user_agent npm_lifecycle_event npm_package_name npm_execpath INIT_CWD COLOR',
    'DOCKER_HOST DOCKER_CONFIG COMPOSE_PROFILES COMPOSE_PROJECT_NAME CHATGPT_WEB_TOKEN NEXTCHAT_TOKEN CHATGPT_WEB_PASSWORD',
    'KUBERNETES_SERVICE_HOST REDIS_PORT REDIS_PORT_6379_TCP_ADDR REDIS_SERVICE_HOST REDIS_SERVICE_PORT_HTTP',
    'KEYSTOW_PORT_8787_TCP_ADDR KEYSTOW_SERVICE_HOST KEYSTOW_SERVICE_PORT UPSTREAM_PORT_80_TCP UPSTREAM_SERVICE_HOST',
    'INVOCATION_ID JOURNAL_STREAM MAINPID LISTEN_FDS LISTEN_PID NOTIFY_SOCKET CREDENTIALS_DIRECTORY STATE_DIRECTORY RUNTIME_DIRECTORY',
    'CI GITHUB_TOKEN GITHUB_ACTIONS GITHUB_API_URL GITHUB_SERVER_URL RUNNER_TEMP ACTIONS_RUNTIME_URL ACTIONS_RUNTIME_TOKEN NPM_TOKEN',
    'DATABASE_URL MYSQL_HOST POSTGRES_PASSWORD AWS_REGION AWS_ACCESS_KEY_ID AZURE_CLIENT_ID GOOGLE_CLOUD_PROJECT DYNO WEB_CONCURRENCY',
    'OPENAI_API_KEY OPENAI_API_BASE_URL BASE_URL CODE MJ_SERVER MJ_API_SECRET TIMEOUT_MS AUTH_SECRET_KEY SQLITE_TMPDIR SERVER_PORT API_KEY',
  ])('is none: %s', (names) => {
    expect(noticesOf(Object.fromEntries(names.split(' ').map((name) => [name, 'x'])))).toEqual([])
  })

  it('is none where it is like a setting that is set', () => {
    expect(noticesOf({ REDIS_URL: 'redis://h', REDIS_URI: 'redis://h' })).toEqual([])
  })

  it('is none where it is the address of a service', () => {
    const address = 'tcp://10.0.0.7:8787'
    expect(noticesOf({ KEYSTOW_PORT: address, UPSTREAM_PORT: address })).toEqual([])
  })

  it('is none where it is empty', () => {
    expect(noticesOf({ ALOWED_ORIGINS: '' })).toEqual([])
  })

  it('is none where the YAML names it as holding a key', () => {
    const yaml = `routes:
  a: { prefix: /a, upstream: https://a.example, credentialEnv: UPSTREAM_KEY_A }
  b: { prefix: /b, credentials: [{ env: UPSTREAM_KEY_B }] }
`
    expect(noticesOf({ UPSTREAM_KEY_A: 'hk-test-a', UPSTREAM_KEY_B: 'hk-test-b' }, yaml)).toEqual(
      [],
    )
  })
})

it('leaves every setting alone', () => {
  const names = Object.values(settingsShape).map((schema) => settingInfo.get(schema)?.env ?? '')
  const env = Object.fromEntries([...names, 'ADMIN_TOKEN_FILE'].map((name) => [name, 'x']))
  const { notices } = parseConfig({ ...BASE, ...env })
  expect(notices.filter((line) => line.includes('is not a setting'))).toEqual([])
})
