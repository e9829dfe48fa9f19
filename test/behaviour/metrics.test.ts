import { writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { describe, expect, it, onTestFinished } from 'vitest'

import { startDemoUpstream } from '../../src/demo/upstream.ts'
import { createMetrics } from '../../src/metrics.ts'
import { createPricing } from '../../src/usage/pricing.ts'
import { createFolder } from '../helpers/folder.ts'
import { type Gateway, startGateway, TEST_CREDENTIAL, TEST_TOKEN } from '../helpers/gateway.ts'
import { makeEntry, makeReservation } from '../helpers/ledger.ts'
import { FREE } from '../helpers/prices.ts'
import { startUpstream } from '../helpers/upstream.ts'

const ADMIN_TOKEN = 'test-admin-token-of-no-use-anywhere'

async function start(env: Readonly<Record<string, string>> = {}): Promise<Gateway> {
  const upstream = await startDemoUpstream({ credential: TEST_CREDENTIAL })
  onTestFinished(() => upstream.close())
  return startGateway({ upstream: upstream.origin, env: { ADMIN_TOKEN, ...env } })
}

async function scrape({ origin }: Gateway): Promise<string> {
  const headers = { authorization: `Bearer ${ADMIN_TOKEN}` }
  return (await fetch(`${origin}/metrics`, { headers })).text()
}

const chat = (gateway: Gateway, model: string, stream = false): Promise<Response> =>
  gateway.fetch('/v1/chat/completions', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model, stream, messages: [{ role: 'user', content: 'Hello' }] }),
  })

describe('/metrics', () => {
  it('tells of tokens, cost and times by model', async () => {
    const gateway = await start()
    await (await chat(gateway, 'gpt-4o')).text()
    await (await chat(gateway, 'gpt-4o', true)).text()
    await expect
      .poll(() => scrape(gateway), { timeout: 5000 })
      .toMatch(/gen_ai_client_token_usage_count\{[^}]*gen_ai_token_type="output"[^}]*\} 2\n/)
    const text = await scrape(gateway)
    const labels = 'gen_ai_operation_name="chat",gen_ai_request_model="gpt-4o"'
    expect(text).toContain(`gen_ai_server_request_duration_seconds_count{${labels}} 2\n`)
    expect(text).toContain(`gen_ai_server_time_to_first_token_seconds_count{${labels}} 2\n`)
    expect(text).toMatch(
      /keystow_cost_total\{client="alice",gen_ai_request_model="gpt-4o",currency="USD"\} 0\.0/,
    )
    expect(text).toContain('keystow_ledger_entries_total{kind="exact",ending="completed"} 2\n')
    expect(text).toContain('keystow_ledger_ready 1\n')
    expect(text).toContain('keystow_ledger_durable 1\n')
  })

  it('tells what a client that left was estimated at', async () => {
    const gateway = await start()
    const answer = await chat(gateway, 'gpt-4o', true)
    const reader = answer.body?.getReader()
    await reader?.read()
    await reader?.cancel()
    await expect
      .poll(() => scrape(gateway), { timeout: 5000 })
      .toContain('keystow_ledger_entries_total{kind="estimated",ending="cancelled"} 1\n')
  })

  it('counts what the upstream failed, by what its clients were told', async () => {
    const gateway = await startGateway({ upstream: 'http://127.0.0.1:9', env: { ADMIN_TOKEN } })
    expect((await chat(gateway, 'gpt-4o')).status).toBe(502)
    await expect
      .poll(() => scrape(gateway), { timeout: 5000 })
      .toContain('keystow_upstream_errors_total{kind="upstream_unavailable"} 1\n')
  })

  it.each([
    ['requests_per_minute', { RATE_LIMIT_PER_MINUTE: '1' }],
    ['budget', { QUOTA_PER_DAY: '1' }],
  ])('counts a 429 by its limit: %s', async (limit, env) => {
    const gateway = await start(env)
    expect((await chat(gateway, 'gpt-4o')).status).toBe(200)
    expect((await chat(gateway, 'gpt-4o')).status).toBe(429)
    await expect
      .poll(() => scrape(gateway), { timeout: 5000 })
      .toContain(`keystow_limited_total{limit="${limit}"} 1\n`)
  })

  it('tells of no model that has no price', async () => {
    const file = join(createFolder(), 'pricing.yaml')
    writeFileSync(file, 'currency: USD\nmodels: {}\n')
    const gateway = await start({ PRICING_FILE: file })
    await (await chat(gateway, 'gpt-4o-of-my-own')).text()
    await expect.poll(() => scrape(gateway), { timeout: 5000 }).toContain('"other"')
    expect(await scrape(gateway)).not.toContain('of-my-own')
  })
})

describe('the labels of usage', () => {
  it('stay few, whatever clients make up', async () => {
    const { registry, usage } = createMetrics()
    const pricing = createPricing('USD', [
      { pattern: 'gpt-4o', price: FREE, images: [] },
      { pattern: 'gpt-*', price: FREE, images: [] },
    ])
    const observe = (model: string, client: number): void => {
      const reservation = makeReservation({ clientId: `address:10.0.${client}`, model })
      usage.observe(makeEntry(reservation, 7), { endpoint: 'chat', pricing })
    }
    for (let made = 0; made < 10_000; made++) {
      observe(`gpt-${made}`, made)
      observe(`made-up-${made}`, made)
    }
    observe('gpt-4o', 0)
    const text = await registry.metrics()
    expect(labelsOf(text, 'gen_ai_request_model')).toEqual(new Set(['gpt-*', 'other', 'gpt-4o']))
    expect(labelsOf(text, 'client')).toEqual(new Set(['address']))
  })

  it('hold nothing that a client sent as a model, also where the upstream refuses it', async () => {
    const upstream = await startUpstream((_, response) => {
      response.writeHead(404, { 'content-type': 'application/json' }).end('{"error":{}}')
    })
    const gateway = await startGateway({ upstream: upstream.origin, env: { ADMIN_TOKEN } })
    for (const model of [TEST_TOKEN, 'made-up', 'x'.repeat(100_000), 'gpt-4o']) {
      await (await chat(gateway, model)).text()
    }
    const text = await scrape(gateway)
    expect(labelsOf(text, 'gen_ai_request_model')).toEqual(new Set(['other', 'gpt-4o']))
  })
})

const labelsOf = (text: string, label: string): Set<string | undefined> =>
  new Set([...text.matchAll(new RegExp(`${label}="([^"]*)"`, 'g'))].map(([, value]) => value))
