import nodeFetch from 'node-fetch'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { z } from 'zod'

import { hashClientToken } from '../../src/clients/client-token.ts'
import { startDemoUpstream } from '../../src/demo/upstream.ts'
import { type Gateway, startGateway, TEST_CREDENTIAL } from '../helpers/gateway.ts'
import { makeEntry, nextId } from '../helpers/ledger.ts'
import { echo, startUpstream } from '../helpers/upstream.ts'

const usageSchema = z.object({
  object: z.string(),
  total_usage: z.number(),
  daily_costs: z.array(z.unknown()),
})
const subscriptionSchema = z.object({ hard_limit_usd: z.number(), object: z.string() })

async function start(): Promise<Gateway> {
  const upstream = await startDemoUpstream({ credential: TEST_CREDENTIAL })
  onTestFinished(() => upstream.close())
  const clients = ['bob', 'carol'].map(
    (id) =>
      `  - { id: ${id}, tokenHash: '${hashClientToken(`ks-test-${id}`).toString('hex')}', budgetPerMonth: 20, budgetPerDay: 5 }\n`,
  )
  return startGateway({
    upstream: upstream.origin,
    yaml: `clients:\n${clients.join('')}`,
  })
}

const as = (gateway: Gateway, token: string, path: string, init: RequestInit = {}) =>
  fetch(gateway.origin + path, {
    ...init,
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
  })

async function chat(gateway: Gateway, token: string): Promise<void> {
  const body = JSON.stringify({ model: 'gpt-4o', messages: [{ role: 'user', content: 'Hello' }] })
  const answer = await as(gateway, token, '/v1/chat/completions', { method: 'POST', body })
  expect(answer.status).toBe(200)
  await answer.text()
}

async function usageOf(gateway: Gateway, token: string, path: string): Promise<number> {
  const answer = await as(gateway, token, path)
  expect(answer.status).toBe(200)
  return usageSchema.parse(await answer.json()).total_usage
}

const DAY_MS = 86_400_000
const dayOf = (at: number): string => new Date(at).toISOString().slice(0, 10)

/** The days that the UIs ask for: chatgpt-web up to the last of the month, NextChat up to tomorrow or without any. */
const FIRST = `${dayOf(Date.now()).slice(0, 7)}-01`
const LAST = dayOf(Date.UTC(Number(FIRST.slice(0, 4)), Number(FIRST.slice(5, 7)), 0))
const CHATGPT_WEB = `/v1/dashboard/billing/usage?start_date=${FIRST}&end_date=${LAST}`
const NEXT_CHAT_DAYS = `?start_date=${FIRST}&end_date=${dayOf(Date.now() + DAY_MS)}`
const NEXT_CHAT = '/dashboard/billing/usage'
const PAGE = 'https://chat.example.com'

/** Bob has spent 1.50 this month, Carol 0.25; neither asked anything of the upstream. */
async function startWithSpending(yaml = 'budgetPerMonth: 20\n') {
  const upstream = await startUpstream(echo)
  const gateway = await startGateway({
    upstream: upstream.origin,
    env: { CLIENT_TOKENS: 'bob:ks-test-bob,carol:ks-test-carol', ALLOWED_ORIGINS: PAGE },
    yaml,
  })
  const spending = { bob: 1_500_000, carol: 250_000 }
  for (const [clientId, costMicros] of Object.entries(spending)) {
    const at = Date.now()
    const entry = { id: nextId(), at, clientId, currency: 'USD' } as const
    await gateway.ledger.settle(makeEntry(entry, costMicros))
  }
  return { gateway, upstream }
}

describe.each([
  ['bob', 150],
  ['carol', 25],
])('%s, who has spent %d cents,', (id, cents) => {
  const authorization = `Bearer ks-test-${id}`

  it('sees that in chatgpt-web', async () => {
    const { gateway, upstream } = await startWithSpending()
    const headers = { authorization, 'content-type': 'application/json' }
    // What chatgpt-web itself sends it with.
    const answer = await nodeFetch(gateway.origin + CHATGPT_WEB, { headers })
    expect(usageSchema.parse(await answer.json())).toEqual({
      object: 'list',
      total_usage: cents,
      daily_costs: [
        {
          timestamp: Date.parse(dayOf(Date.now())) / 1000,
          line_items: [{ name: 'all', cost: cents }],
        },
      ],
    })
    expect(answer.headers.get('cache-control')).toBe('no-store')
    expect(upstream.received).toEqual([])
  })

  it('sees that in NextChat, by way of its server', async () => {
    const { gateway, upstream } = await startWithSpending()
    const headers = {
      authorization,
      'cache-control': 'no-store',
      'content-type': 'application/json',
      'user-agent': 'Next.js Middleware',
      'x-middleware-subrequest': 'app/api/[provider]/[...path]/route',
    }
    const [usage, subscription] = await Promise.all(
      ['usage', 'subscription'].map((name) =>
        fetch(`${gateway.origin}/dashboard/billing/${name}`, { headers }),
      ),
    )
    expect(await usage?.json()).toMatchObject({ total_usage: cents })
    expect(await subscription?.json()).toMatchObject({ hard_limit_usd: 20 })
    expect(subscription?.headers.get('cache-control')).toBe('no-store')
    expect(upstream.received).toEqual([])
  })

  it('sees that in NextChat, from the page itself', async () => {
    const { gateway, upstream } = await startWithSpending()
    const url = `${gateway.origin}${NEXT_CHAT}${NEXT_CHAT_DAYS}`
    const preflight = await fetch(url, {
      method: 'OPTIONS',
      headers: {
        origin: PAGE,
        'access-control-request-method': 'GET',
        'access-control-request-headers': 'authorization,content-type',
      },
    })
    expect(preflight.headers.get('access-control-allow-headers')).toContain('authorization')
    const answer = await fetch(url, { headers: { authorization, origin: PAGE } })
    expect(answer.headers.get('access-control-allow-origin')).toBe(PAGE)
    expect(await answer.json()).toMatchObject({ total_usage: cents })
    expect(upstream.received).toEqual([])
  })
})

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
    ['what all may spend is spent', 'totalBudgetPerDay: 1.75\n', [1.5, 0.25]],
    ['all have less left than each', 'budgetPerDay: 5\ntotalBudgetPerMonth: 2\n', [1.74, 0.49]],
    ['each has less left than all', 'budgetPerMonth: 2\ntotalBudgetPerMonth: 90\n', [2, 2]],
  ])('show as limit what binds the caller: %s', async (_when, yaml, limits) => {
    const { gateway } = await startWithSpending(yaml)
    const shown = ['bob', 'carol'].map(async (id) => {
      const answer = await as(gateway, `ks-test-${id}`, '/v1/dashboard/billing/subscription')
      return subscriptionSchema.parse(await answer.json()).hard_limit_usd
    })
    expect(await Promise.all(shown)).toEqual(limits)
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
