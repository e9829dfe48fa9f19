import { describe, expect, it, onTestFinished } from 'vitest'

import type { LedgerStore, Spent, UsageQuery } from '../../src/stores/ledger-store.ts'
import { createRedisLedgerStore } from '../../src/stores/redis-ledger/store.ts'
import { createSqliteLedgerStore } from '../../src/stores/sqlite-ledger/store.ts'
import type { BudgetPeriod, Reservation } from '../../src/usage/budget.ts'
import type { LedgerEntry } from '../../src/usage/ledger-entry.ts'
import { createFolder } from '../helpers/folder.ts'
import { makeEntry, makeEstimate, makeReservation, moneyCap, NOON } from '../helpers/ledger.ts'
import { redisServer, startRedis } from '../helpers/redis.ts'

/** Opens stores that keep the same ledger, one after the other. */
type OpenStore = () => Promise<LedgerStore>

const RETENTION_DAYS = 36_500
const MONTH = { from: '2026-10-01', to: '2026-10-31' }

async function prepareSqlite(): Promise<OpenStore> {
  const folder = createFolder()
  return async () =>
    createSqliteLedgerStore({
      folder,
      timeZone: 'Asia/Shanghai',
      retentionDays: RETENTION_DAYS,
      onNotice() {},
    })
}

async function prepareRedis(): Promise<OpenStore> {
  const { url } = await startRedis()
  return () =>
    new Promise((resolve) => {
      const store = createRedisLedgerStore({
        url,
        timeZone: 'Asia/Shanghai',
        retentionDays: RETENTION_DAYS,
        mode: 'closed',
        leaseMs: 600,
        now: () => NOON,
        onStateChange: (isReady) => isReady && resolve(store),
        onNotice() {},
        onFailure() {},
      })
    })
}

const stores: [string, () => Promise<OpenStore>][] = [['SQLite', prepareSqlite]]
if (redisServer !== undefined) stores.push(['Redis', prepareRedis])

async function collect(store: LedgerStore, isEstimated?: boolean): Promise<LedgerEntry[]> {
  const entries: LedgerEntry[] = []
  for await (const entry of store.entries({ from: 0, to: NOON * 2, isEstimated })) {
    entries.push(entry)
  }
  return entries.toSorted((a, b) => a.at - b.at)
}

const spentOf = (
  store: LedgerStore,
  clientId?: string,
  period: BudgetPeriod = 'day',
): Promise<Spent> => store.spent({ clientId, period, currency: 'CNY', at: NOON })

const keysOf = async (store: LedgerStore, query: Partial<UsageQuery>): Promise<string[]> => {
  const rows = await store.usage({ ...MONTH, groupBy: 'client', ...query })
  return rows.map(({ key }) => key)
}

/** Opens and settles. */
async function spend(
  store: LedgerStore,
  costMicros: number,
  parts: Partial<Reservation> = {},
): Promise<Reservation> {
  const reservation = makeReservation(parts)
  await store.open(reservation)
  await store.settle(makeEntry(reservation, costMicros))
  return reservation
}

describe.each(stores)('a ledger in %s', (_name, prepare) => {
  async function start(open?: OpenStore): Promise<LedgerStore> {
    const store = await (open ?? (await prepare()))()
    onTestFinished(() => store.close())
    return store
  }

  describe('before a call', () => {
    it('reserves what is wanted, up to a sixteenth of what is left', async () => {
      const store = await start()
      const open = (wantedMicros: number) =>
        store.open(makeReservation({ caps: [moneyCap(1600)], wantedMicros }))
      expect(await open(40)).toEqual({ isGranted: true, grantedMicros: 40 })
      expect(await open(1000)).toEqual({ isGranted: true, grantedMicros: 97 })
    })

    it('reserves the minimum where a sixteenth is less', async () => {
      const store = await start()
      const amounts = { caps: [moneyCap(100)], minimumMicros: 30, wantedMicros: 50 }
      const opening = await store.open(makeReservation(amounts))
      expect(opening).toEqual({ isGranted: true, grantedMicros: 30 })
    })

    it('refuses when less than the minimum is left, and tells when the budget begins anew', async () => {
      const store = await start()
      await spend(store, 71)
      const amounts = { caps: [moneyCap(100)], minimumMicros: 30, wantedMicros: 30 }
      expect(await store.open(makeReservation(amounts))).toMatchObject({
        isGranted: false,
        refusal: {
          scope: 'client',
          period: 'day',
          unit: 'money',
          resetAt: Date.parse('2026-10-15T00:00:00+08:00'),
        },
      })
      const smaller = { ...amounts, minimumMicros: 29 }
      expect(await store.open(makeReservation(smaller))).toMatchObject({ isGranted: true })
    })

    it('names the budget that begins anew last', async () => {
      const store = await start()
      await spend(store, 100)
      const caps = [moneyCap(50), moneyCap(50, { period: 'month', scope: 'instance' })]
      expect(await store.open(makeReservation({ caps }))).toMatchObject({
        isGranted: false,
        refusal: {
          scope: 'instance',
          period: 'month',
          resetAt: Date.parse('2026-11-01T00:00:00+08:00'),
        },
      })
    })

    it.each([100, 103])('grants what costs nothing where %d of 100 are spent', async (spent) => {
      const store = await start()
      await spend(store, spent)
      const free = { caps: [moneyCap(100)], minimumMicros: 0, wantedMicros: 0 }
      expect(await store.open(makeReservation(free))).toMatchObject({ isGranted: true })
      const unknown = { ...free, wantedMicros: 1 }
      expect(await store.open(makeReservation(unknown))).toMatchObject({ isGranted: false })
    })

    it('grants nothing to a request whose cost is no number', async () => {
      const store = await start()
      const absurd = { caps: [moneyCap(100)], minimumMicros: NaN, wantedMicros: NaN }
      expect(await store.open(makeReservation(absurd))).toMatchObject({ isGranted: false })
    })

    it('keeps the budgets of clients apart, and that of the instance together', async () => {
      const store = await start()
      await spend(store, 60, { clientId: 'alice' })
      const open = (scope: 'client' | 'instance') =>
        store.open(
          makeReservation({
            clientId: 'bob',
            caps: [moneyCap(100, { scope })],
            minimumMicros: 50,
            wantedMicros: 50,
          }),
        )
      expect(await open('instance')).toMatchObject({ isGranted: false })
      expect(await open('client')).toMatchObject({ isGranted: true })
    })

    it('counts requests that run and requests that ended, but none that were refused', async () => {
      const store = await start()
      const caps = [moneyCap(3, { unit: 'requests' })]
      const open = (): Reservation => makeReservation({ caps })
      const refused = open()
      await store.open(refused)
      await store.settle(makeEntry(refused, 0, { ending: 'refused', status: 429 }))
      await spend(store, 1, { caps })
      const [second, third, fourth] = [open(), open(), open()]
      expect(await store.open(second)).toEqual({ isGranted: true, grantedMicros: Infinity })
      expect(await store.open(third)).toMatchObject({ isGranted: true })
      expect(await store.open(fourth)).toMatchObject({
        isGranted: false,
        refusal: { unit: 'requests' },
      })
    })

    it('grants a request that is opened twice once', async () => {
      const store = await start()
      const reservation = makeReservation({
        caps: [moneyCap(100)],
        minimumMicros: 60,
        wantedMicros: 60,
      })
      expect(await store.open(reservation)).toEqual({ isGranted: true, grantedMicros: 60 })
      expect(await store.open(reservation)).toEqual({ isGranted: true, grantedMicros: 60 })
      await store.settle(makeEntry(reservation, 1))
      const next = { caps: [moneyCap(100)], minimumMicros: 99, wantedMicros: 99 }
      expect(await store.open(makeReservation(next))).toMatchObject({ isGranted: true })
    })

    it('grants no more than there is to many at once', async () => {
      const store = await start()
      const openings = await Promise.all(
        Array.from({ length: 200 }, () =>
          store.open(
            makeReservation({ caps: [moneyCap(100)], minimumMicros: 10, wantedMicros: 10 }),
          ),
        ),
      )
      expect(openings.filter(({ isGranted }) => isGranted)).toHaveLength(10)
    })

    it('keeps currencies apart', async () => {
      const store = await start()
      await spend(store, 100)
      const caps = [moneyCap(100)]
      expect(await store.open(makeReservation({ caps, currency: 'USD' }))).toMatchObject({
        isGranted: true,
      })
    })
  })

  // A reservation of the worst case would let two of these ten in, and hold up the rest until they end.
  it('serves ten clients that could use half of the budget each and use a twentieth', async () => {
    const store = await start()
    const caps = [moneyCap(100, { scope: 'instance' })]
    const reservations = Array.from({ length: 10 }, (_, index) =>
      makeReservation({ clientId: `client-${index}`, caps, minimumMicros: 1, wantedMicros: 50 }),
    )
    const openings = await Promise.all(reservations.map((one) => store.open(one)))
    expect(openings.map(({ isGranted }) => isGranted)).toEqual(Array(10).fill(true))
    for (const [index, opening] of openings.entries()) {
      const granted = opening.isGranted ? opening.grantedMicros : 0
      const more = await store.grow(reservations[index]?.id ?? '', 5 - Math.min(granted, 5))
      expect(granted + more).toBeGreaterThanOrEqual(5)
    }
    await Promise.all(reservations.map((one) => store.settle(makeEntry(one, 5))))
    expect(await spentOf(store)).toEqual({ costMicros: 50, requests: 10 })
  })

  describe('while a request runs', () => {
    it('grants more as far as it is left, then nothing', async () => {
      const store = await start()
      const reservation = makeReservation({
        caps: [moneyCap(100), moneyCap(1000, { period: 'month' })],
        minimumMicros: 60,
        wantedMicros: 60,
      })
      await store.open(reservation)
      expect(await store.grow(reservation.id, 30)).toBe(30)
      expect(await store.grow(reservation.id, 30)).toBe(10)
      expect(await store.grow(reservation.id, 30)).toBe(0)
    })

    it('grants what another has given back', async () => {
      const store = await start()
      const amounts = { caps: [moneyCap(100)], minimumMicros: 50, wantedMicros: 50 }
      const [one, other] = [makeReservation(amounts), makeReservation(amounts)]
      await store.open(one)
      await store.open(other)
      expect(await store.grow(one.id, 1)).toBe(0)
      await store.settle(makeEntry(other, 20))
      expect(await store.grow(one.id, 100)).toBe(30)
    })

    it('grants nothing to a request that it does not know', async () => {
      const store = await start()
      expect(await store.grow('req_test_unknown', 10)).toBe(0)
    })
  })

  describe('when a request ends', () => {
    it('charges what it cost and gives the rest back', async () => {
      const store = await start()
      const caps = [moneyCap(100), moneyCap(5, { unit: 'requests' })]
      await spend(store, 7, { caps, minimumMicros: 90, wantedMicros: 90 })
      expect(await spentOf(store, 'alice')).toEqual({ costMicros: 7, requests: 1 })
      expect(await spentOf(store, 'alice', 'month')).toEqual({ costMicros: 7, requests: 1 })
      expect(await spentOf(store)).toEqual({ costMicros: 7, requests: 1 })
      expect(await spentOf(store, 'bob')).toEqual({ costMicros: 0, requests: 0 })
      const rest = { caps, minimumMicros: 93, wantedMicros: 93 }
      expect(await store.open(makeReservation(rest))).toMatchObject({ isGranted: true })
    })

    it('charges it once, however often it is settled', async () => {
      const open = await prepare()
      const store = await start(open)
      const reservation = await spend(store, 7, { caps: [moneyCap(100)] })
      await store.settle(makeEntry(reservation, 7))
      await store.settle(makeEntry(reservation, 9))
      expect(await spentOf(store)).toEqual({ costMicros: 7, requests: 1 })
      await store.close()
      const next = await start(open)
      await next.settle(makeEntry(reservation, 7))
      expect(await spentOf(next)).toEqual({ costMicros: 7, requests: 1 })
      expect(await collect(next)).toHaveLength(1)
    })

    it('charges more than was reserved, if that is what it cost', async () => {
      const store = await start()
      await spend(store, 130, { caps: [moneyCap(100)] })
      expect(await spentOf(store)).toEqual({ costMicros: 130, requests: 1 })
      const opening = await store.open(makeReservation({ caps: [moneyCap(100)] }))
      expect(opening).toMatchObject({ isGranted: false })
    })

    it('charges the day and the month in which it began', async () => {
      const store = await start()
      const lastMoment = Date.parse('2026-10-31T23:59:59.999+08:00')
      await spend(store, 7, { at: lastMoment })
      const spent = (period: BudgetPeriod, at: number) =>
        store.spent({ period, currency: 'CNY', at })
      for (const period of ['day', 'month'] as const) {
        expect(await spent(period, lastMoment)).toEqual({ costMicros: 7, requests: 1 })
        expect(await spent(period, lastMoment + 1)).toEqual({ costMicros: 0, requests: 0 })
      }
    })

    it('enters a request that was refused before, without a charge', async () => {
      const store = await start()
      const entry = makeEntry(makeReservation(), undefined, {
        ...makeEstimate(undefined),
        inputTokens: 0,
        outputTokens: 0,
        cachedTokens: 0,
        ending: 'refused',
        status: 429,
      })
      await store.settle(entry)
      expect(await collect(store)).toEqual([entry])
      expect(await spentOf(store)).toEqual({ costMicros: 0, requests: 0 })
      expect(await store.usage({ ...MONTH, groupBy: 'client' })).toEqual([])
    })

    it('makes a sum of whatever it is told', async () => {
      const store = await start()
      for (const costMicros of [-5, NaN, Infinity, 2.4]) {
        const reservation = makeReservation({ clientId: `of ${costMicros}` })
        await store.settle(makeEntry(reservation, costMicros, { inputTokens: -1 }))
      }
      const costs = ['of -5', 'of NaN', 'of 2.4'].map(async (client) => {
        const { costMicros } = await spentOf(store, client)
        return costMicros
      })
      expect(await Promise.all(costs)).toEqual([0, 0, 2])
      expect((await collect(store)).map(({ inputTokens }) => inputTokens)).toEqual([0, 0, 0, 0])
    })

    it('keeps names of a length that fits', async () => {
      const store = await start()
      await spend(store, 1, { model: 'm'.repeat(100_000), path: `/v1/${'p'.repeat(100_000)}` })
      const [entry] = await collect(store)
      expect(entry?.model.length).toBeLessThanOrEqual(100)
      expect(entry?.path.length).toBeLessThanOrEqual(200)
    })
  })

  // A wall clock that is set forward and back again must not let a month be spent a second time.
  it('finds a month as spent as it was, when the clock comes back to it', async () => {
    const store = await start()
    const caps = [moneyCap(100, { period: 'month' })]
    const [october, november] = [NOON, NOON + 31 * 86_400_000]
    const isGranted = async (at: number): Promise<boolean> => {
      const opening = await store.open(makeReservation({ at, caps, minimumMicros: 30 }))
      return opening.isGranted
    }
    await spend(store, 100, { at: october, caps })
    expect(await isGranted(october)).toBe(false)
    await spend(store, 100, { at: november, caps })
    expect(await isGranted(november)).toBe(false)
    expect(await isGranted(october)).toBe(false)
  })

  describe('asked what was used', () => {
    async function fill(store: LedgerStore): Promise<void> {
      const day = 86_400_000
      await spend(store, 1, { clientId: 'alice', model: 'gpt-4o' })
      await spend(store, 2, { clientId: 'alice', model: 'o3', at: NOON + day })
      await spend(store, 4, { clientId: 'bob', model: 'o3', at: NOON + day })
      await spend(store, 8, { clientId: 'bob', model: 'o3', currency: 'USD', at: NOON + day })
      const estimated = makeReservation({ clientId: 'bob', model: '你好/"quoted"' })
      await store.settle(makeEntry(estimated, undefined, { isEstimated: true }))
    }

    it('adds up by client, model and day', async () => {
      const store = await start()
      await fill(store)
      const sums = { inputTokens: 100, cachedTokens: 5, outputTokens: 20 }
      const twice = { inputTokens: 200, cachedTokens: 10, outputTokens: 40 }
      expect(await store.usage({ ...MONTH, groupBy: 'client' })).toEqual([
        {
          key: 'alice',
          currency: 'CNY',
          requests: 2,
          ...twice,
          costMicros: 3,
          estimatedRequests: 0,
        },
        { key: 'bob', currency: 'CNY', requests: 2, ...twice, costMicros: 4, estimatedRequests: 1 },
        { key: 'bob', currency: 'USD', requests: 1, ...sums, costMicros: 8, estimatedRequests: 0 },
      ])
      expect(await keysOf(store, { groupBy: 'model' })).toEqual([
        'gpt-4o',
        'o3',
        'o3',
        '你好/"quoted"',
      ])
      expect(await keysOf(store, { groupBy: 'day' })).toEqual([
        '2026-10-14',
        '2026-10-15',
        '2026-10-15',
      ])
    })

    it('leaves other days and other clients out', async () => {
      const store = await start()
      await fill(store)
      expect(await keysOf(store, { from: '2026-10-14', to: '2026-10-14' })).toEqual([
        'alice',
        'bob',
      ])
      expect(await keysOf(store, { from: '2026-10-16' })).toEqual([])
      expect(await keysOf(store, { from: '2026-10-15', to: '2026-10-14' })).toEqual([])
      expect(await keysOf(store, { clientId: 'alice', groupBy: 'model' })).toEqual(['gpt-4o', 'o3'])
    })

    it('hands out entries as they were given', async () => {
      const store = await start()
      const entry = makeEntry(makeReservation(), 42, {
        isEstimated: true,
        upstreamRequestId: 'req_up',
        firstByteMs: undefined,
        ending: 'cancelled',
        reasoningTokens: 3,
        images: 1,
        characters: 4,
        audioMs: 5,
      })
      await store.settle(entry)
      await spend(store, 1, { at: NOON + 1 })
      expect((await collect(store))[0]).toEqual(entry)
      expect(await collect(store, true)).toEqual([entry])
      expect(await collect(store, false)).toHaveLength(1)
      const none = store.entries({ from: NOON + 2, to: NOON * 2 })
      expect((await none[Symbol.asyncIterator]().next()).done).toBe(true)
    })

    it('hands out more entries than fit on a page', async () => {
      const store = await start()
      const reservations = Array.from({ length: 2500 }, (_, index) =>
        makeReservation({ at: NOON + (index % 3) }),
      )
      await Promise.all(reservations.map((one) => store.settle(makeEntry(one, 1))))
      const ids = (await collect(store)).map(({ id }) => id)
      expect(new Set(ids)).toEqual(new Set(reservations.map(({ id }) => id)))
      expect(ids).toHaveLength(2500)
    })
  })

  describe('corrected', () => {
    it('puts what really was in the place of an estimate, once', async () => {
      const store = await start()
      const reservation = makeReservation({ caps: [moneyCap(100)] })
      await store.open(reservation)
      await store.settle(makeEntry(reservation, 50, { isEstimated: true, ending: 'cancelled' }))
      const actual = { ...makeEstimate(80), outputTokens: 33 }
      expect(await store.correct(reservation, actual)).toBe(true)
      expect(await store.correct(reservation, { ...actual, costMicros: 1 })).toBe(false)
      expect(await collect(store)).toMatchObject([
        { ...actual, isEstimated: false, ending: 'cancelled' },
      ])
      expect(await spentOf(store)).toEqual({ costMicros: 80, requests: 1 })
      expect(await store.usage({ ...MONTH, groupBy: 'client' })).toMatchObject([
        { requests: 1, costMicros: 80, inputTokens: 10, outputTokens: 33, estimatedRequests: 0 },
      ])
    })

    it('lets budgets follow', async () => {
      const store = await start()
      const caps = [moneyCap(100)]
      const reservation = makeReservation({ caps })
      await store.open(reservation)
      await store.settle(makeEntry(reservation, 100, { isEstimated: true }))
      expect(await store.open(makeReservation({ caps }))).toMatchObject({ isGranted: false })
      await store.correct(reservation, makeEstimate(40))
      const next = { caps, minimumMicros: 60, wantedMicros: 60 }
      const isGranted = async (): Promise<boolean> =>
        (await store.open(makeReservation(next))).isGranted
      await expect.poll(isGranted).toBe(true)
    })

    it('leaves exact entries and unknown ones alone', async () => {
      const store = await start()
      const reservation = await spend(store, 7)
      expect(await store.correct(reservation, makeEstimate(80))).toBe(false)
      expect(await store.correct(makeReservation(), makeEstimate(80))).toBe(false)
      expect(await spentOf(store)).toEqual({ costMicros: 7, requests: 1 })
    })
  })

  describe('after its process has died', () => {
    const died = async (open: OpenStore, reservation: Reservation): Promise<void> => {
      const store = await start(open)
      await store.open(reservation)
      await store.close()
    }

    it('settles what was in flight as estimated, and gives its reservation back', async () => {
      const open = await prepare()
      const reservation = makeReservation({
        caps: [moneyCap(100)],
        minimumMicros: 90,
        wantedMicros: 90,
        estimate: () => makeEstimate(12),
      })
      await died(open, reservation)
      const store = await start(open)
      await expect
        .poll(() => collect(store), { timeout: 5000 })
        .toMatchObject([
          { id: reservation.id, ending: 'lost', isEstimated: true, costMicros: 12, status: 0 },
        ])
      expect(await spentOf(store)).toEqual({ costMicros: 12, requests: 1 })
      const rest = { caps: [moneyCap(100)], minimumMicros: 88, wantedMicros: 88 }
      expect(await store.open(makeReservation(rest))).toMatchObject({ isGranted: true })
    })

    it('charges what it had used when more was last reserved', async () => {
      const open = await prepare()
      let used = 1
      const reservation = makeReservation({
        caps: [moneyCap(100)],
        estimate: () => makeEstimate(used),
      })
      const first = await start(open)
      await first.open(reservation)
      used = 8
      await first.grow(reservation.id, 10)
      await first.close()
      const store = await start(open)
      await expect
        .poll(() => collect(store), { timeout: 5000 })
        .toMatchObject([{ costMicros: 8, ending: 'lost' }])
    })

    it('settles it once, whoever finds it', async () => {
      const open = await prepare()
      await died(open, makeReservation({ estimate: () => makeEstimate(12) }))
      const second = await start(open)
      await expect.poll(() => collect(second), { timeout: 5000 }).toHaveLength(1)
      await second.close()
      const third = await start(open)
      expect(await collect(third)).toHaveLength(1)
      expect(await spentOf(third)).toEqual({ costMicros: 12, requests: 1 })
    })
  })

  it('tells how many requests are in flight', async () => {
    const store = await start()
    const reservation = makeReservation()
    await store.open(reservation)
    expect(store.stats()).toMatchObject({ inFlight: 1, droppedEntries: 0 })
    await store.settle(makeEntry(reservation, 1))
    expect(store.stats().inFlight).toBe(0)
    expect(store.isReady()).toBe(true)
  })
})
