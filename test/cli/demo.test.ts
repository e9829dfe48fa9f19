import { describe, expect, it } from 'vitest'

import { type KeystowProcess, startProcess } from '../helpers/process.ts'
import { echo, startUpstream } from '../helpers/upstream.ts'

const startDemo = (env: Readonly<Record<string, string>>): KeystowProcess =>
  startProcess({ script: 'src/cli/demo.ts', env })

/** How to call a demo that runs. */
async function reach(demo: KeystowProcess) {
  await demo.waitFor('Ctrl-C ends both')
  const find = (pattern: RegExp): string => pattern.exec(demo.stdout())?.[1] ?? ''
  const url = find(/^ {2}URL: +(\S+)$/m)
  const token = find(/^ {2}client token: +(\S+)$/m)
  const call = (headers: Readonly<Record<string, string>> = {}) =>
    fetch(`${url}/v1/models`, { headers: { authorization: `Bearer ${token}`, ...headers } })
  return { url, token, call }
}

describe('the demo', () => {
  it('takes settings from the environment', async () => {
    const demo = startDemo({
      PORT: '0',
      RATE_LIMIT_PER_MINUTE: '2',
      QUOTA_PER_DAY: '1',
      ALLOWED_ORIGINS: 'https://app.example',
      ADMIN_TOKEN: 'ks-test-admin-of-demo',
    })
    const { url, call } = await reach(demo)
    const answers = [await call({ origin: 'https://other.example' }), await call(), await call()]
    expect(answers[0]?.headers.get('access-control-allow-origin')).toBeNull()
    expect(answers[0]?.headers.get('x-ratelimit-limit-requests')).toBe('2')
    expect(answers.map(({ status }) => status)).toEqual([200, 429, 429])
    const headers = { authorization: 'Bearer ks-test-admin-of-demo' }
    expect((await fetch(`${url}/metrics`, { headers })).status).toBe(200)
  })

  it('lets pages of every origin call, unless somebody may without a token', async () => {
    const page = { origin: 'https://other.example' }
    const closed = await reach(startDemo({ PORT: '0' }))
    const answer = await closed.call(page)
    expect(answer.headers.get('access-control-allow-origin')).toBe('*')
    const open = await reach(startDemo({ PORT: '0', OPEN_ACCESS: 'true' }))
    expect((await open.call({ authorization: '' })).status).toBe(200)
    expect((await open.call({ authorization: '', ...page })).status).toBe(403)
  })

  it('keeps to its own upstream, key, client, folder and counters', async () => {
    const elsewhere = await startUpstream(echo)
    const demo = startDemo({
      PORT: '0',
      UPSTREAM_URL: elsewhere.origin,
      UPSTREAM_API_KEY: 'hk-test-not-for-the-demo',
      UPSTREAM_API_KEY_FILE: '/nowhere',
      CLIENT_TOKENS: 'alice:ks-test-not-for-the-demo',
      KEYSTOW_CONFIG: '/nowhere',
      DATA_DIR: '/nowhere',
      REDIS_URL: 'redis://127.0.0.1:1',
      WORKERS: '4',
    })
    const { call } = await reach(demo)
    expect((await call()).status).toBe(200)
    expect((await call({ authorization: 'Bearer ks-test-not-for-the-demo' })).status).toBe(401)
    expect(elsewhere.received).toHaveLength(0)
  })

  it('names a setting that cannot be used', async () => {
    const demo = startDemo({ RATE_LIMIT_PER_MINUTE: 'many' })
    expect(await demo.exited).toBe(78)
    expect(demo.stderr()).toMatch(/^The demo does not start:\n {2}RATE_LIMIT_PER_MINUTE: "many" is/)
  })
})

describe('a port that is taken', () => {
  it('is said in one line, with what to do', async () => {
    const { port } = new URL((await startUpstream(echo)).origin)
    const demo = startDemo({ PORT: port })
    expect(await demo.exited).toBe(1)
    expect(demo.stderr()).toBe(
      `The demo cannot listen on 127.0.0.1:${port}: the port is taken; stop what listens there, or set PORT to another\n`,
    )
    expect(demo.stdout()).toBe('')
  })
})

describe('an address that is not of this machine', () => {
  it('is said in one line too', async () => {
    const demo = startDemo({ HOST: '192.0.2.1', PORT: '0' })
    expect(await demo.exited).toBe(1)
    expect(demo.stderr()).toBe(
      'The demo cannot listen on 192.0.2.1:0: HOST is no address of this machine; set it to one, such as 127.0.0.1\n',
    )
  })
})
