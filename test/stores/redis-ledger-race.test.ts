/** Two hundred clients in two processes spend one budget as fast as they can. */
import { describe, expect, it, onTestFinished } from 'vitest'

import { createRedisLedgerStore } from '../../src/stores/redis-ledger/store.ts'
import type { LedgerStore } from '../../src/stores/ledger-store.ts'
import type { LedgerEntry } from '../../src/usage/ledger-entry.ts'
import { makeEntry, makeReservation, moneyCap, NOON } from '../helpers/ledger.ts'
import { type KeystowProcess, startProcess } from '../helpers/process.ts'
import { redisServer, startRedis } from '../helpers/redis.ts'

const CAP = 200_000
const EVENT_MICROS = 7

interface Billed {
  readonly spent: number
  readonly requests: number
  readonly cut: number
}

const start = (url: string, name: string, cap = CAP): KeystowProcess =>
  startProcess({ script: 'test/helpers/ledger-race.ts', args: [url, name, String(cap)] })

async function resultOf(running: KeystowProcess): Promise<Billed> {
  expect({ exit: await running.exited, stderr: running.stderr() }).toEqual({
    exit: 0,
    stderr: 'racing\n',
  })
  const billed: Billed = JSON.parse(running.stdout())
  return billed
}

const connectStore = (url: string): Promise<LedgerStore> =>
  new Promise((resolve) => {
    const store = createRedisLedgerStore({
      url,
      timeZone: 'UTC',
      retentionDays: 36_500,
      mode: 'closed',
      leaseMs: 1500,
      now: () => NOON,
      onStateChange: (isReady) => isReady && resolve(store),
      onNotice() {},
      onFailure() {},
    })
    onTestFinished(() => store.close())
  })

describe.skipIf(redisServer === undefined)('one budget of two instances', () => {
  it(
    'is spent to the end, not passed by more than an event a stream, and billed to the last micro',
    { timeout: 60_000 },
    async () => {
      const { url } = await startRedis()
      const billed = await Promise.all([start(url, 'a'), start(url, 'b')].map(resultOf))
      const sum = (name: keyof Billed): number => billed.reduce((all, one) => all + one[name], 0)

      const store = await connectStore(url)
      const spent = await store.spent({ period: 'day', currency: 'CNY', at: NOON })
      expect(spent).toEqual({ costMicros: sum('spent'), requests: sum('requests') })
      const rows = await store.usage({ from: '2026-10-14', to: '2026-10-14', groupBy: 'day' })
      expect(rows).toMatchObject([{ costMicros: sum('spent'), requests: sum('requests') }])
      let total = 0
      for await (const entry of store.entries({ from: 0, to: NOON * 2 }))
        total += entry.costMicros ?? 0
      expect(total).toBe(sum('spent'))

      expect(sum('spent')).toBeLessThanOrEqual(CAP + sum('cut') * EVENT_MICROS)
      // Less than a reservation is left: nobody was refused while there was something to spend.
      expect(sum('spent')).toBeGreaterThan(CAP - 50)
    },
  )

  // What the dead one had reserved would block the others for ever, and what its streams used would be free.
  it('is given back what an instance held that was killed, once', { timeout: 60_000 }, async () => {
    const redis = await startRedis()
    const { url } = redis
    const cap = CAP * 5
    const [doomed, survivor] = [start(url, 'a', cap), start(url, 'b', cap)]
    await Promise.all([doomed, survivor].map((one) => one.waitFor('racing')))
    const listHeld = () => redis.command('keys', '*:reservation:a-*')
    await expect.poll(listHeld, { timeout: 20_000, interval: 20 }).not.toEqual([])
    doomed.child.kill('SIGKILL')
    expect(await doomed.exited).toBe('SIGKILL')
    await resultOf(survivor)

    const stores = [await connectStore(url), await connectStore(url)] as const
    const [store] = stores
    const collect = async (): Promise<LedgerEntry[]> => {
      const entries: LedgerEntry[] = []
      for await (const entry of store.entries({ from: 0, to: NOON * 2 })) entries.push(entry)
      return entries
    }
    const probe = makeReservation({
      caps: [moneyCap(cap * 2, { scope: 'instance' })],
      minimumMicros: 0,
      wantedMicros: 0,
    })
    await store.open(probe)
    const countReserved = async (): Promise<number> => {
      const { costMicros } = await store.spent({ period: 'day', currency: 'CNY', at: NOON })
      const left = await store.grow(probe.id, cap * 2)
      await store.settle(makeEntry(probe, 0, { ending: 'refused' }))
      await store.open(probe)
      return cap * 2 - costMicros - left
    }
    await expect.poll(countReserved, { timeout: 20_000 }).toBe(0)

    const entries = await collect()
    const lost = entries.filter(({ ending }) => ending === 'lost')
    expect(lost.length).toBeGreaterThan(0)
    expect(lost.every(({ id }) => id.startsWith('a-'))).toBe(true)
    const total = entries.reduce((sum, { costMicros = 0 }) => sum + costMicros, 0)
    expect(await store.spent({ period: 'day', currency: 'CNY', at: NOON })).toEqual({
      costMicros: total,
      requests: entries.filter(({ ending }) => ending !== 'refused').length,
    })
  })
})
