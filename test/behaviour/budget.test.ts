import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

import { describe, expect, it } from 'vitest'

import { hashClientToken } from '../../src/clients/client-token.ts'
import type { LedgerEntry } from '../../src/usage/ledger-entry.ts'
import { createFolder } from '../helpers/folder.ts'
import { type Gateway, startGateway } from '../helpers/gateway.ts'
import { readEntries } from '../helpers/ledger.ts'
import { micros, priceFile } from '../helpers/prices.ts'
import { startProcess } from '../helpers/process.ts'
import { redisServer, startRedis } from '../helpers/redis.ts'
import { startUpstream, type Upstream } from '../helpers/upstream.ts'

const WORD = 'data: {"choices":[{"index":0,"delta":{"content":"word "},"finish_reason":null}]}\n\n'
const CHAT_END =
  'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'

interface Talker extends Upstream {
  /** Streams that were cut off before they had said everything. */
  cut(): number
  calls(): number
}

/** An upstream that says `words` words in a stream, several in a write, and one call's worth otherwise. */
async function startTalker(words = 2000): Promise<Talker> {
  let cut = 0
  let calls = 0
  const upstream = await startUpstream(async ({ body }, response) => {
    calls++
    if (!body.includes('"stream":true')) {
      response.setHeader('content-type', 'application/json')
      return response.end('{"choices":[{"message":{"content":"hi"},"finish_reason":"stop"}]}')
    }
    response.once('close', () => response.writableFinished || cut++)
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    for (let said = 0; said < words && !response.destroyed; said += 10) {
      response.write(WORD.repeat(10))
      if (said % 100 === 0) await sleep(1)
    }
    return response.end(CHAT_END)
  })
  return { ...upstream, cut: () => cut, calls: () => calls }
}

const ask = (gateway: Gateway, body: object, path = '/v1/chat/completions'): Promise<Response> =>
  gateway.fetch(path, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      model: 'by-token',
      messages: [{ role: 'user', content: 'hi' }],
      ...body,
    }),
  })

const costOf = (entries: readonly LedgerEntry[]): number =>
  entries.reduce((sum, { costMicros = 0 }) => sum + costMicros, 0)

async function expectRefusal(answer: Response): Promise<void> {
  expect(answer.status).toBe(429)
  expect(answer.headers.get('x-should-retry')).toBe('false')
  expect(await answer.json()).toMatchObject({
    error: { type: 'insufficient_quota', code: 'budget_exceeded' },
  })
}

describe('a quota', () => {
  it('lets as many requests through as it has, also when they all come at once', async () => {
    const upstream = await startTalker()
    const gateway = await startGateway({
      upstream: upstream.origin,
      env: { QUOTA_PER_DAY: '5', CONCURRENCY_LIMIT: '0' },
    })
    const answers = await Promise.all(Array.from({ length: 20 }, () => ask(gateway, {})))
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(5)
    await expectRefusal(await ask(gateway, {}))
    expect(upstream.calls()).toBe(5)
  })

  it('of all clients together is one', async () => {
    const upstream = await startTalker()
    const yaml = ['bob', 'carol']
      .map(
        (id) =>
          `  - { id: ${id}, tokenHash: '${hashClientToken(`ks-test-${id}`).toString('hex')}' }\n`,
      )
      .join('')
    const gateway = await startGateway({
      upstream: upstream.origin,
      yaml: `clients:\n${yaml}totalQuotaPerMonth: 3\n`,
    })
    const call = (token: string): Promise<Response> =>
      fetch(`${gateway.origin}/v1/models`, { headers: { authorization: `Bearer ${token}` } })
    const statuses: number[] = []
    for (const token of ['ks-test-bob', 'ks-test-carol', 'ks-test-bob', 'ks-test-carol']) {
      statuses.push((await call(token)).status)
    }
    expect(statuses).toEqual([200, 200, 200, 429])
  })
})

describe('a budget', () => {
  it('cuts a stream in its middle when nothing is left, tells why, and stops the upstream', async () => {
    const upstream = await startTalker(100_000)
    const gateway = await startGateway({
      upstream: upstream.origin,
      env: { BUDGET_PER_DAY: micros(1000), PRICING_FILE: priceFile() },
    })
    const answer = await ask(gateway, { stream: true })
    const text = await answer.text()
    expect(answer.status).toBe(200)
    expect(text).toContain('"code":"budget_exceeded"')
    expect(text.endsWith('data: [DONE]\n\n')).toBe(true)
    const words = text.split('"content":"word "').length - 1
    // Each word is about one token: one event past the cap at most.
    expect(words).toBeGreaterThan(500)
    await expect.poll(() => upstream.cut(), { timeout: 5000 }).toBe(1)
    const [entry] = await readEntries(gateway, 1)
    expect(entry).toMatchObject({ ending: 'aborted', isEstimated: true })
    expect(entry?.costMicros).toBeGreaterThanOrEqual(1000)
    expect(entry?.costMicros).toBeLessThanOrEqual(1003)
    await expectRefusal(await ask(gateway, {}))
  })

  it('cuts a stream of each family in the form of that family', async () => {
    const delta =
      'event: response.output_text.delta\ndata: {"type":"response.output_text.delta","delta":"word "}\n\n'
    const upstream = await startUpstream((_, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.end(delta.repeat(5000))
    })
    const gateway = await startGateway({
      upstream: upstream.origin,
      env: { BUDGET_PER_DAY: micros(600), PRICING_FILE: priceFile() },
    })
    const answer = await ask(gateway, { stream: true, input: 'hi' }, '/v1/responses')
    const text = await answer.text()
    expect(text).toContain('event: error\n')
    expect(text).toContain('budget_exceeded')
    expect(text).not.toContain('[DONE]')
  })

  it('reserves no worst case: a call that could cost everything keeps nobody out', async () => {
    const held: (() => void)[] = []
    const upstream = await startUpstream((_, response) => {
      held.push(() => response.end('{"usage":{"prompt_tokens":1,"completion_tokens":10}}'))
    })
    const gateway = await startGateway({
      upstream: upstream.origin,
      env: { BUDGET_PER_DAY: micros(10_000), PRICING_FILE: priceFile() },
    })
    const greedy = ask(gateway, { max_tokens: 1_000_000_000 })
    const others = [1, 2, 3, 4].map(() => ask(gateway, { max_tokens: 100 }))
    await expect.poll(() => held.length, { timeout: 5000 }).toBe(5)
    held.forEach((end) => end())
    for (const answer of await Promise.all([greedy, ...others])) expect(answer.status).toBe(200)
    const entries = await readEntries(gateway, 5)
    expect(costOf(entries)).toBe(50)
  })

  it('is given back what a call did not use', async () => {
    const upstream = await startUpstream((_, response) =>
      response.end('{"usage":{"prompt_tokens":1,"completion_tokens":1}}'),
    )
    const gateway = await startGateway({
      upstream: upstream.origin,
      env: { BUDGET_PER_DAY: micros(400), PRICING_FILE: priceFile() },
    })
    for (let call = 0; call < 20; call++) expect((await ask(gateway, {})).status).toBe(200)
    expect(costOf(await readEntries(gateway, 20))).toBe(20)
  })

  it('lets no client use a model that has no price, and names it', async () => {
    const upstream = await startTalker()
    const gateway = await startGateway({
      upstream: upstream.origin,
      env: { BUDGET_PER_DAY: '5', PRICING_FILE: priceFile() },
    })
    const answer = await ask(gateway, { model: 'unheard-of' })
    expect(answer.status).toBe(403)
    expect(await answer.text()).toContain('unheard-of')
    expect(upstream.calls()).toBe(0)
    expect((await gateway.fetch('/v1/models')).status).toBe(200)
  })

  it('pays for calls and images by the piece', async () => {
    const upstream = await startUpstream((_, response) => {
      response.setHeader('content-type', 'application/json')
      response.end('{"data":[{"b64_json":"AAAA"},{"b64_json":"AAAA"}]}')
    })
    const gateway = await startGateway({
      upstream: upstream.origin,
      env: { BUDGET_PER_DAY: micros(100), PRICING_FILE: priceFile() },
    })
    const draw = (n: number): Promise<Response> =>
      ask(gateway, { model: 'picture', prompt: 'a', n }, '/v1/images/generations')
    expect((await draw(2)).status).toBe(200)
    expect(costOf(await readEntries(gateway, 1))).toBe(60)
    await expectRefusal(await draw(2))
    expect((await ask(gateway, { model: 'by-call' })).status).toBe(429)
  })

  it('charges a client that leaves for what it was sent, and never nothing', async () => {
    const upstream = await startTalker(100_000)
    const gateway = await startGateway({
      upstream: upstream.origin,
      env: { BUDGET_PER_DAY: '5', PRICING_FILE: priceFile() },
    })
    const answer = await ask(gateway, { stream: true })
    const reader = answer.body?.getReader()
    await reader?.read()
    await reader?.cancel()
    const [entry] = await readEntries(gateway, 1)
    expect(entry).toMatchObject({ ending: 'cancelled', isEstimated: true })
    expect(entry?.costMicros).toBeGreaterThan(0)
  })

  it('holds for every stream to an event when two hundred race for it', async () => {
    const upstream = await startTalker(400)
    const gateway = await startGateway({
      upstream: upstream.origin,
      env: {
        TOTAL_BUDGET_PER_DAY: micros(30_000),
        PRICING_FILE: priceFile(),
        CONCURRENCY_LIMIT: '0',
      },
    })
    const answers = await Promise.all(
      Array.from({ length: 200 }, async () => (await ask(gateway, { stream: true })).text()),
    )
    const cut = answers.filter((text) => text.includes('budget_exceeded')).length
    const entries = servedOf(await readEntries(gateway, answers.length))
    expect(entries).toHaveLength(answers.length - refusedOf(answers))
    expect(cut).toBeGreaterThan(0)
    expect(costOf(entries)).toBeLessThanOrEqual(30_000 + 3 * entries.length)
    expect(costOf(entries)).toBeGreaterThan(20_000)
  })
})

const servedOf = (entries: readonly LedgerEntry[]): LedgerEntry[] =>
  entries.filter(({ ending }) => ending !== 'refused')

const refusedOf = (texts: readonly string[]): number =>
  texts.filter((text) => text.startsWith('{')).length

describe.skipIf(redisServer === undefined)('a budget in Redis', () => {
  it('is one for two instances that race for it', async () => {
    const redis = await startRedis()
    const upstream = await startTalker(400)
    const env = {
      REDIS_URL: redis.url,
      REDIS_FAILURE_MODE: 'closed',
      TOTAL_BUDGET_PER_DAY: micros(20_000),
      PRICING_FILE: priceFile(),
      CONCURRENCY_LIMIT: '0',
    }
    const gateways = await Promise.all(
      [1, 2].map(() => startGateway({ upstream: upstream.origin, env })),
    )
    const [first] = gateways
    if (first === undefined) throw new Error('no instance')
    await expect.poll(() => gateways.every(({ ledger }) => ledger.isReady())).toBe(true)
    const texts = await Promise.all(
      gateways.flatMap((gateway) =>
        Array.from({ length: 100 }, async () => (await ask(gateway, { stream: true })).text()),
      ),
    )
    const entries = servedOf(await readEntries(first, texts.length))
    expect(entries).toHaveLength(texts.length - refusedOf(texts))
    const spent = costOf(entries)
    console.info(`two instances, 200 streams, a cap of 20000 micros: ${spent} spent`)
    expect(spent).toBeLessThanOrEqual(20_000 + 3 * entries.length)
    expect(spent).toBeGreaterThan(10_000)
  })
})

describe('--check', () => {
  it('names the models that have no price, whether or not their client has a budget', async () => {
    const folder = createFolder()
    const file = join(folder, 'keystow.yaml')
    const tokenHash = hashClientToken('ks-test-bob').toString('hex')
    const otherHash = hashClientToken('ks-test-eve').toString('hex')
    writeFileSync(
      file,
      `clients:\n  - { id: bob, tokenHash: '${tokenHash}', budgetPerDay: 1, models: [by-token, unheard-of, 'gpt-*'] }\n  - { id: eve, tokenHash: '${otherHash}', models: [never-seen, by-token] }\n`,
    )
    const keystow = startProcess({
      args: ['--check'],
      env: { KEYSTOW_CONFIG: file, UPSTREAM_API_KEY: 'hk-test-check', PRICING_FILE: priceFile() },
    })
    expect(await keystow.exited).toBe(0)
    expect(keystow.stdout()).toMatch(/clients.bob.models: unheard-of has no price.*may not use it/)
    expect(keystow.stdout()).toMatch(/clients.eve.models: never-seen has no price.*without a cost/)
    expect(keystow.stdout()).not.toContain('by-token has')
    expect(keystow.stdout()).not.toContain('PRICING_FILE')
  })

  it('says that an empty price table leaves who has a budget without a model', async () => {
    const file = join(createFolder(), 'pricing.yaml')
    writeFileSync(file, 'models: {}\n')
    const check = (env: Readonly<Record<string, string>>) => {
      const given = { UPSTREAM_API_KEY: 'hk-test-check', PRICING_FILE: file, ...env }
      return startProcess({ args: ['--check'], env: given })
    }
    const capped = check({ BUDGET_PER_DAY: '1' })
    expect(await capped.exited).toBe(0)
    expect(capped.stdout()).toContain('PRICING_FILE: the price table is empty')
    const counted = check({ QUOTA_PER_DAY: '1' })
    expect(await counted.exited).toBe(0)
    expect(counted.stdout()).not.toContain('PRICING_FILE')
  })
})
