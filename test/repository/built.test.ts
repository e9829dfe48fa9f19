import { readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'

import { build } from 'rolldown'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import { createBuild, UNDICI } from '../../rolldown.config.ts'
import { createFolder } from '../helpers/folder.ts'
import { TEST_CREDENTIAL, TEST_TOKEN } from '../helpers/gateway.ts'
import { listeningPort, startProcess } from '../helpers/process.ts'
import { redisServer, startRedis } from '../helpers/redis.ts'
import { startUpstream } from '../helpers/upstream.ts'

const FOLDER = `node_modules/.cache/keystow-built-${process.pid}`
const SCRIPT = `${FOLDER}/server.js`
const ADMIN_TOKEN = 'ks-test-admin-of-the-build'

const EVENT = 'data: {"choices":[{"delta":{"content":"a"},"finish_reason":"stop"}]}\n\n'
const USAGE = 'data: {"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":5}}\n\n'

async function start(env: Readonly<Record<string, string>> = {}, args: readonly string[] = []) {
  const upstream = await startUpstream((_request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.end(`${EVENT}${USAGE}data: [DONE]\n\n`)
  })
  const keystow = startProcess({
    script: SCRIPT,
    args,
    env: {
      PORT: '0',
      UPSTREAM_API_KEY: TEST_CREDENTIAL,
      UPSTREAM_URL: upstream.origin,
      CLIENT_TOKENS: `alice:${TEST_TOKEN}`,
      ADMIN_TOKEN,
      ...env,
    },
  })
  return { upstream, keystow }
}

async function ask(port: number): Promise<string> {
  const response = await fetch(`http://127.0.0.1:${port}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${TEST_TOKEN}` },
    body: '{"model":"gpt-4o","stream":true,"messages":[]}',
  })
  return response.text()
}

/** What the ledger has of them, asked of the thread that owns it. */
async function readUsage(port: number): Promise<unknown> {
  const response = await fetch(`http://127.0.0.1:${port}/admin/usage?groupBy=client`, {
    headers: { authorization: `Bearer ${ADMIN_TOKEN}` },
  })
  return response.json()
}

const expectUsage = (port: number) =>
  expect
    .poll(() => readUsage(port), { timeout: 10_000 })
    .toMatchObject({ data: [{ client: 'alice', requests: 1, output_tokens: 5 }] })

// What the image starts from is not what all other tests run.
describe('the server in one bundle', () => {
  beforeAll(() => build(createBuild(FOLDER)))
  afterAll(() => rmSync(join(import.meta.dirname, '../..', FOLDER), { recursive: true }))

  it.each([
    ['in one process', {}],
    ['in two threads', { WORKERS: '2' }],
    ['with a ledger in a folder', { DATA_DIR: createFolder() }],
  ])('serves %s, and keeps the ledger', async (_how, env) => {
    const { upstream, keystow } = await start(env)
    const port = await listeningPort(keystow)
    expect(await ask(port)).toBe(`${EVENT}data: [DONE]\n\n`)
    expect(upstream.received[0]?.message.headers.authorization).toBe(`Bearer ${TEST_CREDENTIAL}`)
    await expectUsage(port)
    keystow.child.kill('SIGTERM')
    expect(await keystow.exited).toBe(0)
    expect(keystow.stdout()).toContain('"msg":"request"')
    expect(keystow.stderr()).toBe('')
  })

  it.skipIf(redisServer === undefined)('finds the Redis client', async () => {
    const redis = await startRedis()
    const { keystow } = await start({ REDIS_URL: redis.url })
    const port = await listeningPort(keystow)
    expect(await ask(port)).toContain('[DONE]')
    await expectUsage(port)
  })

  it('finds the configuration and the prices that Keystow comes with', async () => {
    const { keystow } = await start({ BUDGET_PER_DAY: '1' }, ['--check'])
    expect(await keystow.exited).toBe(0)
    expect(keystow.stdout() + keystow.stderr()).not.toContain('price')
  })

  it('is ASCII, and says what is not all the same', async () => {
    const folder = join(import.meta.dirname, '../..', FOLDER)
    const files = readdirSync(folder).map((name) => readFileSync(join(folder, name), 'latin1'))
    expect(files.filter((text) => /[^\0-\x7f]/.test(text))).toEqual([])
    const { keystow } = await start({ UPSTREAM_API_KEY: '' }, ['--check'])
    expect(await keystow.exited).toBe(78)
    expect(keystow.stderr()).toContain('(hk-…)')
  })

  it('has of undici what reply-from names', () => {
    const file = new URL('../../node_modules/@fastify/reply-from/lib/request.js', import.meta.url)
    const named = readFileSync(file, 'utf8').matchAll(/\bundici\.([A-Za-z]\w+)/g)
    const names = new Set([...named].map(([, name]) => name))
    expect(names).toContain('Pool')
    expect([...names].filter((name = '') => !(name in UNDICI))).toEqual([])
  })

  it('ends with 78 without a key', async () => {
    const keystow = startProcess({ script: SCRIPT })
    expect(await keystow.exited).toBe(78)
  })
})
