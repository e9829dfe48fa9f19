import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { z } from 'zod'

import { startDemoUpstream } from '../../src/demo/upstream.ts'
import { createFolder } from '../helpers/folder.ts'
import { type Gateway, startGateway, TEST_CREDENTIAL } from '../helpers/gateway.ts'
import { listeningPort, startProcess } from '../helpers/process.ts'
import { redisServer, startRedis } from '../helpers/redis.ts'
import { echo, startUpstream } from '../helpers/upstream.ts'

const ADMIN_TOKEN = 'test-admin-token-of-no-use-anywhere'
const CLIENT_TOKENS = 'bob:ks-test-bob,carol:ks-test-carol'
const reportSchema = z.object({ data: z.array(z.record(z.string(), z.unknown())) })

/** How long after the end of a request it may take until it shows. */
const SHOWN_AFTER_MS = 2000

async function startDemoOrigin(): Promise<string> {
  const upstream = await startDemoUpstream({ credential: TEST_CREDENTIAL })
  onTestFinished(() => upstream.close())
  return upstream.origin
}

const startDemo = async (): Promise<Gateway> =>
  startGateway({ upstream: await startDemoOrigin(), env: { ADMIN_TOKEN, CLIENT_TOKENS } })

const post = (origin: string, token: string, body: object): Promise<Response> =>
  fetch(`${origin}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify({ messages: [{ role: 'user', content: 'Hello' }], ...body }),
  })

async function chat(origin: string, token: string, model = 'gpt-4o'): Promise<void> {
  const answer = await post(origin, token, { model })
  expect(answer.status).toBe(200)
  await answer.text()
}

const report = (origin: string, query: string, accept = 'application/json'): Promise<Response> =>
  fetch(`${origin}/admin/usage${query}`, {
    headers: { authorization: `Bearer ${ADMIN_TOKEN}`, accept },
  })

const readReport = async (origin: string, query: string) =>
  reportSchema.parse(await (await report(origin, query)).json()).data

describe('/admin/usage', () => {
  it('adds up by client, by model and by day', async () => {
    const gateway = await startDemo()
    await chat(gateway.origin, 'ks-test-bob', 'gpt-4o')
    await chat(gateway.origin, 'ks-test-carol', 'gpt-4o-mini')
    await chat(gateway.origin, 'ks-test-carol', 'gpt-4o')
    const read = (query: string) => readReport(gateway.origin, query)
    await vi.waitFor(async () => {
      const rows = await read('?groupBy=client')
      expect(rows).toMatchObject([
        { client: 'bob', requests: 1, currency: 'USD', estimated_requests: 0 },
        { client: 'carol', requests: 2 },
      ])
    }, 2000)
    expect(await read('?groupBy=model')).toMatchObject([
      { model: 'gpt-4o', requests: 2 },
      { model: 'gpt-4o-mini', requests: 1 },
    ])
    const today = new Date().toISOString().slice(0, 10)
    const [day] = await read('')
    expect(Object.keys(day ?? {})).toEqual([
      'day',
      'requests',
      'input_tokens',
      'cached_tokens',
      'output_tokens',
      'cost_micros',
      'currency',
      'estimated_requests',
    ])
    expect(day).toMatchObject({ day: today, requests: 3 })
    expect(await read('?from=2020-01-01&to=2020-01-31')).toEqual([])
  })

  it.each([
    ['text/csv;q=0.9', 'text/csv; charset=utf-8'],
    ['application/json, text/csv;q=0', 'application/json; charset=utf-8'],
    ['application/json, text/csv;q=0.1', 'application/json; charset=utf-8'],
    ['text/csv;q=0.5, */*', 'application/json; charset=utf-8'],
    ['text/csv, application/json;q=0.9, */*;q=0.1', 'text/csv; charset=utf-8'],
    ['TEXT/CSV; header=present', 'text/csv; charset=utf-8'],
    ['application/json;q=0.2, application/*, text/csv;q=0.3', 'text/csv; charset=utf-8'],
    ['*/*', 'application/json; charset=utf-8'],
  ])('answers %s with %s', async (accept, contentType) => {
    const gateway = await startDemo()
    const answer = await report(gateway.origin, '', accept)
    expect(answer.headers.get('content-type')).toBe(contentType)
  })

  it('writes CSV in which no name becomes a formula', async () => {
    const gateway = await startDemo()
    await chat(gateway.origin, 'ks-test-bob', '=1+"2",gpt-4o')
    const text = await vi.waitFor(async () => {
      const answer = await report(gateway.origin, '?groupBy=model', 'text/csv')
      expect(answer.headers.get('content-type')).toBe('text/csv; charset=utf-8')
      expect(answer.headers.get('cache-control')).toBe('no-store')
      const csv = await answer.text()
      expect(csv.split('\r\n')).toHaveLength(3)
      return csv
    }, 2000)
    expect(text.split('\r\n')[0]).toMatch(/^model,requests,input_tokens/)
    expect(text).toContain(`"'=1+""2"",gpt-4o",1,`)
  })

  it.each([
    ['?from=24.11.2026', 'write it as 2026-11-24'],
    ['?groupBy=hour', 'none of client, model and day'],
    ['?groupBy=day&groupBy=model', 'none of client, model and day'],
    ['?form=2026-11-24', 'Those that there are: from, to, groupBy'],
    ['?from=2026-11-25&to=2026-11-24', 'the earlier day first'],
    ['?from=1900-01-01', 'more than 4000 days'],
  ])('refuses %s, and says what is expected', async (query, message) => {
    const gateway = await startDemo()
    const answer = await report(gateway.origin, query)
    expect(answer.status).toBe(400)
    expect(await answer.json()).toMatchObject({
      error: { code: 'bad_request', message: expect.stringContaining(message) },
    })
  })

  it('is the operator’s alone', async () => {
    const gateway = await startDemo()
    const headers = { authorization: 'Bearer ks-test-bob' }
    expect((await fetch(`${gateway.origin}/admin/usage`, { headers })).status).toBe(401)
    expect((await fetch(`${gateway.origin}/admin/usage`)).status).toBe(401)
  })
})

describe.each(['1', '2'])('a process with WORKERS=%s', (workers) => {
  it('shows within two seconds what has ended, and who left', async () => {
    const keystow = startProcess({
      env: {
        UPSTREAM_URL: await startDemoOrigin(),
        UPSTREAM_API_KEY: TEST_CREDENTIAL,
        CLIENT_TOKENS,
        ADMIN_TOKEN,
        PORT: '0',
        DATA_DIR: createFolder(),
        WORKERS: workers,
      },
    })
    const origin = `http://127.0.0.1:${await listeningPort(keystow)}`
    await chat(origin, 'ks-test-bob')
    const stream = await post(origin, 'ks-test-carol', {
      model: 'gpt-4o',
      stream: true,
      messages: [{ role: 'user', content: 'Tell me a long story. '.repeat(200) }],
    })
    const reader = stream.body?.getReader()
    await reader?.read()
    await reader?.cancel()
    await vi.waitFor(async () => {
      expect(await readReport(origin, '?groupBy=client')).toMatchObject([
        { client: 'bob', requests: 1, estimated_requests: 0 },
        { client: 'carol', requests: 1, estimated_requests: 1 },
      ])
    }, SHOWN_AFTER_MS)
  })
})

describe.skipIf(redisServer === undefined)('a ledger that is away', () => {
  it.each([
    ['/admin/usage', ADMIN_TOKEN],
    ['/v1/dashboard/billing/usage', 'ks-test-bob'],
    ['/v1/dashboard/billing/subscription', 'ks-test-bob'],
  ])('is a 503 at %s, and passes', async (path, token) => {
    const redis = await startRedis()
    const upstream = await startUpstream(echo)
    const env = { ADMIN_TOKEN, CLIENT_TOKENS, REDIS_URL: redis.url }
    const { origin } = await startGateway({ upstream: upstream.origin, env })
    const ask = () => fetch(origin + path, { headers: { authorization: `Bearer ${token}` } })
    const untilStatus = (status: number) =>
      vi.waitFor(async () => expect((await ask()).status).toBe(status), 10_000)
    await untilStatus(200)
    await redis.stop()
    const answer = await ask()
    expect(answer.status).toBe(503)
    expect(answer.headers.get('retry-after')).toBe('1')
    expect(await answer.json()).toMatchObject({ error: { code: 'store_unavailable' } })
    await redis.start()
    await untilStatus(200)
  })
})
