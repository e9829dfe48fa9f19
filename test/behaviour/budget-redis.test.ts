import { describe, expect, it, onTestFinished } from 'vitest'

import { startDemoUpstream } from '../../src/demo/upstream.ts'
import type { LedgerEntry } from '../../src/usage/ledger-entry.ts'
import { type Gateway, startGateway, TEST_CREDENTIAL } from '../helpers/gateway.ts'
import { readEntries } from '../helpers/ledger.ts'
import { micros, priceFile } from '../helpers/prices.ts'
import { redisServer, startRedis } from '../helpers/redis.ts'
import { clientYaml } from '../helpers/reloadable.ts'
import { readSse } from '../helpers/sse.ts'

const CLIENTS = 200
/** Of the deltas of one event, by the rule of estimates, and of the end that it may come to. */
const EVENT_MICROS = 3

const tokenOf = (client: number): string => `ks-test-racer-${client}`

const ask = ({ origin }: Gateway, token: string, body: object): Promise<Response> =>
  fetch(`${origin}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
    body: JSON.stringify({ messages: [{ role: 'user', content: 'hi' }], ...body }),
  })

const sum = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0)

const costOf = (entries: readonly LedgerEntry[]): number =>
  sum(entries.map(({ costMicros = 0 }) => costMicros))

async function startInstances(count: number, env: Readonly<Record<string, string>>) {
  const redis = await startRedis()
  const upstream = await startDemoUpstream({ credential: TEST_CREDENTIAL, paceMs: 1 })
  onTestFinished(() => upstream.close())
  const clients = Array.from({ length: CLIENTS }, (_, client) => clientYaml(`racer-${client}`))
  const gateways = await Promise.all(
    Array.from({ length: count }, () =>
      startGateway({
        upstream: upstream.origin,
        yaml: `clients:\n${clients.join('')}`,
        env: { REDIS_URL: redis.url, PRICING_FILE: priceFile(), ...env },
      }),
    ),
  )
  await expect.poll(() => gateways.every(({ ledger }) => ledger.isReady())).toBe(true)
  return { redis, upstream, gateways }
}

describe.skipIf(redisServer === undefined)('a budget that two instances share', () => {
  it('is spent by two hundred clients to an event of each stream, as billed', async () => {
    const cap = 30_000
    const { upstream, gateways } = await startInstances(2, { TOTAL_BUDGET_PER_DAY: micros(cap) })
    const runClient = async (client: number): Promise<void> => {
      const gateway = gateways[client % 2]
      if (gateway === undefined) throw new Error('no instance')
      for (let turn = 0; turn < 4; turn++) {
        const model = ['demo-fast', 'demo-long-300', 'demo-many-in-one'][(client + turn) % 3]
        const answer = await ask(gateway, tokenOf(client), { model, stream: turn % 4 !== 3 })
        await answer.text()
        if (answer.status === 429) return
      }
    }
    await Promise.all(Array.from({ length: CLIENTS }, (_, client) => runClient(client)))

    const [first] = gateways
    if (first === undefined) throw new Error('no instance')
    await expect.poll(() => gateways.map(({ ledger }) => ledger.stats().inFlight)).toEqual([0, 0])
    const entries = await collectEntries(first)
    const ran = entries.filter(({ ending }) => ending !== 'refused')
    const exact = ran.filter(({ isEstimated }) => !isEstimated)
    const cut = ran.filter(({ ending }) => ending === 'aborted')
    const billed = new Map(upstream.bill().map((entry) => [entry.requestId, entry]))
    const billOf = (list: readonly LedgerEntry[]): number =>
      sum(
        list.map(({ upstreamRequestId = '' }) => {
          const { inputTokens = 0, outputTokens = 0 } = billed.get(upstreamRequestId) ?? {}
          return inputTokens + outputTokens
        }),
      )
    console.info(
      `two instances, ${CLIENTS} clients, a cap of ${cap} micros: ${costOf(ran)} spent by ${ran.length} calls, ` +
        `${cut.length} streams cut; ${exact.length} exact ones ${costOf(exact)}, billed ${billOf(exact)}`,
    )
    expect(ran.length).toBe(billed.size)
    expect(costOf(exact)).toBe(billOf(exact))
    expect(exact.length).toBeGreaterThan(CLIENTS / 4)
    expect(cut.every(({ isEstimated }) => isEstimated)).toBe(true)
    expect(costOf(ran)).toBeLessThanOrEqual(cap + EVENT_MICROS * cut.length)
    expect(costOf(ran)).toBeGreaterThan(cap * 0.9)
    const spent = await first.ledger.spent({ period: 'day', currency: 'CNY', at: Date.now() })
    expect(spent).toEqual({ costMicros: costOf(ran), requests: ran.length })
  })
})

async function collectEntries({ ledger }: Gateway): Promise<LedgerEntry[]> {
  const entries: LedgerEntry[] = []
  for await (const entry of ledger.entries({ from: 0, to: Date.now() + 60_000 }))
    entries.push(entry)
  return entries
}

describe.skipIf(redisServer === undefined)('a stream while Redis goes away', () => {
  /** Begins a stream of many steps, and takes Redis away once its first words have come. */
  async function loseRedis(mode: string, restored: boolean) {
    const { redis, gateways, upstream } = await startInstances(1, {
      BUDGET_PER_DAY: micros(100_000),
      REDIS_FAILURE_MODE: mode,
    })
    const [gateway] = gateways
    if (gateway === undefined) throw new Error('no instance')
    const answer = await ask(gateway, tokenOf(0), { model: 'demo-long-3000', stream: true })
    const told: string[] = []
    for await (const { data } of readSse(answer)) {
      told.push(data)
      if (told.length === 20) await redis.stop()
    }
    if (restored) await redis.start()
    return { told, gateway, redis, upstream }
  }

  it('ends with an error that says so, where budgets come first', async () => {
    const { told, gateway, redis, upstream } = await loseRedis('closed', false)
    expect(told.at(-2)).toContain('"code":"store_unavailable"')
    expect(told.at(-1)).toBe('[DONE]')
    expect(told.length).toBeLessThan(3000)
    await expect.poll(() => upstream.open()).toBe(0)
    expect((await ask(gateway, tokenOf(0), { model: 'demo-fast' })).status).toBe(503)
    await redis.start()
    const entries = await readEntries(gateway, 1)
    expect(entries[0]).toMatchObject({ ending: 'aborted', isEstimated: true })
    const query = { period: 'day', currency: 'CNY', at: Date.now(), clientId: 'racer-0' } as const
    expect(await gateway.ledger.spent(query)).toEqual({ costMicros: costOf(entries), requests: 1 })
  })

  it('goes on for this process alone, where requests come first, and is charged once', async () => {
    const { told, gateway } = await loseRedis('open', true)
    expect(told.at(-1)).toBe('[DONE]')
    expect(told.join('')).not.toContain('"error"')
    const [entry] = await readEntries(gateway, 1)
    expect(entry).toMatchObject({ ending: 'completed', isEstimated: false })
    const { costMicros = 0 } = entry ?? {}
    expect(costMicros).toBeGreaterThan(3000)
    const query = { period: 'day', currency: 'CNY', at: Date.now(), clientId: 'racer-0' } as const
    expect(await gateway.ledger.spent(query)).toEqual({ costMicros, requests: 1 })
  })
})
