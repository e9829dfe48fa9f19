/** Two hundred clients in two processes spend one budget as fast as they can. */
import { describe, expect, it, onTestFinished } from 'vitest'

import { createRedisLedgerStore } from '../../src/stores/redis-ledger/store.ts'
import type { LedgerStore } from '../../src/stores/ledger-store.ts'
import { NOON } from '../helpers/ledger.ts'
import { startProcess } from '../helpers/process.ts'
import { redisServer, startRedis } from '../helpers/redis.ts'

const CAP = 200_000
const EVENT_MICROS = 7

interface Billed {
  readonly spent: number
  readonly requests: number
  readonly cut: number
}

async function race(url: string, name: string): Promise<Billed> {
  const args = [url, name, String(CAP)]
  const running = startProcess({ script: 'test/helpers/ledger-race.ts', args })
  expect({ exit: await running.exited, stderr: running.stderr() }).toEqual({ exit: 0, stderr: '' })
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
      const billed = await Promise.all([race(url, 'a'), race(url, 'b')])
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
})
