import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { z } from 'zod'

import { hashClientToken } from '../../src/clients/client-token.ts'
import { startDemoUpstream } from '../../src/demo/upstream.ts'
import { type Gateway, startGateway, TEST_CREDENTIAL } from '../helpers/gateway.ts'

const ADMIN_TOKEN = 'test-admin-token-of-no-use-anywhere'
const usageSchema = z.object({ total_usage: z.number(), daily_costs: z.array(z.unknown()) })
const subscriptionSchema = z.object({ hard_limit_usd: z.number(), object: z.string() })
const reportSchema = z.object({ data: z.array(z.record(z.string(), z.unknown())) })

async function start(): Promise<Gateway> {
  const upstream = await startDemoUpstream({ credential: TEST_CREDENTIAL })
  onTestFinished(() => upstream.close())
  const clients = ['bob', 'carol'].map(
    (id) =>
      `  - { id: ${id}, tokenHash: '${hashClientToken(`ks-test-${id}`).toString('hex')}', budgetPerMonth: 20, budgetPerDay: 5 }\n`,
  )
  return startGateway({
    upstream: upstream.origin,
    env: { ADMIN_TOKEN },
    yaml: `clients:\n${clients.join('')}`,
  })
}

const as = (gateway: Gateway, token: string, path: string, init: RequestInit = {}) =>
  fetch(gateway.origin + path, {
    ...init,
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
  })

async function chat(gateway: Gateway, token: string, model = 'gpt-4o'): Promise<void> {
  const body = JSON.stringify({ model, messages: [{ role: 'user', content: 'Hello' }] })
  const answer = await as(gateway, token, '/v1/chat/completions', { method: 'POST', body })
  expect(answer.status).toBe(200)
  await answer.text()
}

async function usageOf(gateway: Gateway, token: string, path: string): Promise<number> {
  const answer = await as(gateway, token, path)
  expect(answer.status).toBe(200)
  return usageSchema.parse(await answer.json()).total_usage
}

const report = (gateway: Gateway, query: string, accept = 'application/json'): Promise<Response> =>
  fetch(`${gateway.origin}/admin/usage${query}`, {
    headers: { authorization: `Bearer ${ADMIN_TOKEN}`, accept },
  })

/** The calls as the UIs make them: chatgpt-web the month it is, NextChat without any days. */
const NOW = new Date()
const LAST = new Date(Date.UTC(NOW.getUTCFullYear(), NOW.getUTCMonth() + 1, 0))
  .toISOString()
  .slice(0, 10)
const CHATGPT_WEB = `/v1/dashboard/billing/usage?start_date=${LAST.slice(0, 8)}01&end_date=${LAST}`
const NEXT_CHAT = '/dashboard/billing/usage'

describe('the billing calls of chat UIs', () => {
  it('show everybody their own numbers', async () => {
    const gateway = await start()
    await chat(gateway, 'ks-test-bob')
    await chat(gateway, 'ks-test-bob')
    await chat(gateway, 'ks-test-carol')
    const bob = await vi.waitFor(async () => {
      const total = await usageOf(gateway, 'ks-test-bob', NEXT_CHAT)
      expect(total).toBeGreaterThan(0)
      expect(await usageOf(gateway, 'ks-test-carol', NEXT_CHAT)).toBeGreaterThan(0)
      return total
    }, 5000)
    const carol = await usageOf(gateway, 'ks-test-carol', NEXT_CHAT)
    expect(bob).not.toBe(carol)
    expect(await usageOf(gateway, gateway.token, NEXT_CHAT)).toBe(0)
    expect(await usageOf(gateway, 'ks-test-bob', CHATGPT_WEB)).toBe(bob)
    expect(
      await usageOf(
        gateway,
        'ks-test-bob',
        `${NEXT_CHAT}?end_date=2020-01-31&start_date=2020-01-01`,
      ),
    ).toBe(0)
  })

  it('show as limit what makes the balance come out right', async () => {
    const gateway = await start()
    await chat(gateway, 'ks-test-bob')
    await vi.waitFor(async () => {
      const used = (await usageOf(gateway, 'ks-test-bob', NEXT_CHAT)) / 100
      expect(used).toBeGreaterThan(0)
      const answer = await as(gateway, 'ks-test-bob', '/v1/dashboard/billing/subscription')
      const { hard_limit_usd: limit, object } = subscriptionSchema.parse(await answer.json())
      expect(object).toBe('billing_subscription')
      // The daily budget of 5 is the one that is nearer.
      expect(limit).toBeCloseTo(5, 6)
    }, 5000)
    const answer = await as(gateway, gateway.token, '/dashboard/billing/subscription')
    expect(subscriptionSchema.parse(await answer.json()).hard_limit_usd).toBe(100_000)
  })

  it.each([
    'start_date=tomorrow',
    'start_date=2026-02-30',
    'start_date=2026-03-02&end_date=2026-03-01',
  ])('refuse %s', async (query) => {
    const gateway = await start()
    const answer = await as(gateway, 'ks-test-bob', `/v1/dashboard/billing/usage?${query}`)
    expect(answer.status).toBe(400)
    expect(await answer.json()).toMatchObject({ error: { param: 'start_date' } })
  })

  it('ask for a token', async () => {
    const gateway = await start()
    expect((await fetch(gateway.origin + NEXT_CHAT)).status).toBe(401)
  })
})

describe('/admin/usage', () => {
  it('adds up by client, by model and by day', async () => {
    const gateway = await start()
    await chat(gateway, 'ks-test-bob', 'gpt-4o')
    await chat(gateway, 'ks-test-carol', 'gpt-4o-mini')
    await chat(gateway, 'ks-test-carol', 'gpt-4o')
    const read = async (query: string) =>
      reportSchema.parse(await (await report(gateway, query)).json()).data
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
    ['text/csv', 'text/csv; charset=utf-8'],
    ['text/csv;q=0.9', 'text/csv; charset=utf-8'],
    ['application/json, text/csv;q=0', 'application/json; charset=utf-8'],
    ['*/*', 'application/json; charset=utf-8'],
  ])('answers %s with %s', async (accept, contentType) => {
    const gateway = await start()
    const answer = await report(gateway, '', accept)
    expect(answer.headers.get('content-type')).toBe(contentType)
  })

  it('writes CSV in which no name becomes a formula', async () => {
    const gateway = await start()
    await chat(gateway, gateway.token, '=1+"2",gpt-4o')
    const text = await vi.waitFor(async () => {
      const answer = await report(gateway, '?groupBy=model', 'text/csv')
      expect(answer.headers.get('content-type')).toBe('text/csv; charset=utf-8')
      const csv = await answer.text()
      expect(csv.split('\r\n')).toHaveLength(3)
      return csv
    }, 2000)
    expect(text.split('\r\n')[0]).toMatch(/^model,requests,input_tokens/)
    expect(text).toContain(`"'=1+""2"",gpt-4o",1,`)
  })

  it.each([
    '?from=24.11.2026',
    '?groupBy=hour',
    '?form=2026-11-24',
    '?from=2026-11-25&to=2026-11-24',
  ])('refuses %s', async (query) => {
    const gateway = await start()
    const answer = await report(gateway, query)
    expect(answer.status).toBe(400)
    expect(await answer.json()).toMatchObject({ error: { code: 'bad_request' } })
  })

  it('is the operator’s alone', async () => {
    const gateway = await start()
    expect((await as(gateway, 'ks-test-bob', '/admin/usage')).status).toBe(401)
    expect((await fetch(`${gateway.origin}/admin/usage`)).status).toBe(401)
  })
})
