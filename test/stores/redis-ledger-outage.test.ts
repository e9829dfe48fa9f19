/**
 * Redis goes away between a reservation and its settlement, or takes a command and its answer is lost on the way.
 * Whatever is sent again, nothing may be charged twice, and nothing may stay reserved for a call that was not made.
 */
import { readdirSync } from 'node:fs'

import { describe, expect, it, onTestFinished } from 'vitest'

import type { LedgerStore } from '../../src/stores/ledger-store.ts'
import { createRedisLedgerStore } from '../../src/stores/redis-ledger/store.ts'
import type { LedgerEntry } from '../../src/usage/ledger-entry.ts'
import { createFolder } from '../helpers/folder.ts'
import { makeEntry, makeEstimate, makeReservation, moneyCap, NOON } from '../helpers/ledger.ts'
import { redisServer, startRedis } from '../helpers/redis.ts'
import { startWire, type Wire } from '../helpers/wire.ts'

const caps = [moneyCap(100)]
const POLL = { timeout: 10_000 }

interface StoreOptions {
  readonly port: number
  readonly mode?: 'open' | 'closed'
  readonly leaseMs?: number
  readonly folder?: string
}

/** Resolves when the store is connected. */
function connectStore({ port, ...rest }: StoreOptions): Promise<LedgerStore> {
  return new Promise((resolve) => {
    const store = createRedisLedgerStore({
      mode: 'open',
      ...rest,
      url: `redis://127.0.0.1:${port}`,
      timeZone: 'UTC',
      retentionDays: 36_500,
      now: () => NOON,
      onStateChange: (isReady) => isReady && resolve(store),
      onNotice() {},
      onFailure() {},
    })
    onTestFinished(() => store.close())
  })
}

/** A store behind a wire, and one beside it that always sees Redis. */
async function start(options: Omit<StoreOptions, 'port'> = {}) {
  const redis = await startRedis()
  const port = Number(new URL(redis.url).port)
  const wire = await startWire(port)
  const store = await connectStore({ ...options, port: wire.port })
  const witness = await connectStore({ ...options, port })
  return { redis, wire, store, witness }
}

async function untilAway(store: LedgerStore, wire: Wire): Promise<void> {
  wire.cut()
  await expect.poll(() => store.isReady(), POLL).toBe(false)
}

const spentOf = (store: LedgerStore) => store.spent({ period: 'day', currency: 'CNY', at: NOON })

/** All but the probes of `leftOf`. */
async function collect(store: LedgerStore): Promise<LedgerEntry[]> {
  const entries: LedgerEntry[] = []
  for await (const entry of store.entries({ from: 0, to: NOON * 2 })) {
    if (entry.ending !== 'refused') entries.push(entry)
  }
  return entries
}

/** What is left of a budget of 100 for everybody on this Redis. */
async function leftOf(store: LedgerStore): Promise<number> {
  const probe = makeReservation({ caps, minimumMicros: 0, wantedMicros: 0 })
  await store.open(probe)
  const left = await store.grow(probe.id, 1000)
  await store.settle(makeEntry(probe, 0, { ending: 'refused' }))
  return left
}

describe.skipIf(redisServer === undefined)('a ledger whose Redis is away', () => {
  it('keeps what is settled and sends it when Redis is back', async () => {
    const { wire, store, witness } = await start()
    const reservation = makeReservation({ caps, minimumMicros: 60, wantedMicros: 60 })
    await store.open(reservation)
    await untilAway(store, wire)
    await store.settle(makeEntry(reservation, 10))
    expect(store.stats()).toMatchObject({ inFlight: 0, droppedEntries: 0 })
    expect(store.stats().lagMs).toBeGreaterThan(0)
    expect(await collect(witness)).toEqual([])

    wire.restore()
    await expect.poll(() => spentOf(witness), POLL).toEqual({ costMicros: 10, requests: 1 })
    expect(await leftOf(witness)).toBe(90)
    await expect.poll(() => store.stats().lagMs).toBe(0)
    await store.settle(makeEntry(reservation, 10))
    expect(await spentOf(witness)).toEqual({ costMicros: 10, requests: 1 })
  })

  it('charges once what Redis has taken and not confirmed', async () => {
    const { wire, store, witness } = await start()
    const reservation = makeReservation({ caps, minimumMicros: 60, wantedMicros: 60 })
    await store.open(reservation)
    // Redis knows the scripts: what it is sent now it does.
    await leftOf(witness)
    wire.dropAnswers()
    await store.settle(makeEntry(reservation, 10))
    expect(await spentOf(witness)).toEqual({ costMicros: 10, requests: 1 })
    expect(store.stats().lagMs).toBeGreaterThan(0)

    wire.restore()
    await expect.poll(() => store.stats().lagMs, POLL).toBe(0)
    expect(await spentOf(witness)).toEqual({ costMicros: 10, requests: 1 })
    expect(await collect(witness)).toHaveLength(1)
    expect(await leftOf(witness)).toBe(90)
  })

  it('leaves what was not sent to the next process', async () => {
    const folder = createFolder()
    const { wire, store, witness } = await start({ folder })
    const reservations = Array.from({ length: 20 }, () => makeReservation({ caps }))
    await Promise.all(reservations.map((one) => store.open(one)))
    await untilAway(store, wire)
    for (const one of reservations) await store.settle(makeEntry(one, 2))
    await store.close()
    expect(readdirSync(folder).filter((name) => name.endsWith('.jsonl'))).toHaveLength(1)

    wire.restore()
    const next = await connectStore({ port: wire.port, folder })
    await expect.poll(() => spentOf(witness), POLL).toEqual({ costMicros: 40, requests: 20 })
    await expect.poll(() => readdirSync(folder), POLL).toEqual([])
    expect(await leftOf(next)).toBe(60)
  })

  it('leaves alone what waits in a process that lives', async () => {
    const folder = createFolder()
    const { wire, store, witness } = await start({ folder })
    const reservation = makeReservation()
    await store.open(reservation)
    await untilAway(store, wire)
    await store.settle(makeEntry(reservation, 2))
    const files = readdirSync(folder)
    const port = Number(new URL((await startRedis()).url).port)
    await connectStore({ port, folder })
    expect(readdirSync(folder)).toEqual(files)
    wire.restore()
    await expect.poll(() => spentOf(witness), POLL).toEqual({ costMicros: 2, requests: 1 })
  })

  it('is charged again for a holder that was taken for dead, and once', async () => {
    const { wire, store, witness } = await start({ leaseMs: 300 })
    const reservation = makeReservation({
      caps,
      minimumMicros: 60,
      wantedMicros: 60,
      estimate: () => makeEstimate(5),
    })
    await store.open(reservation)
    await untilAway(store, wire)
    await expect.poll(() => collect(witness), POLL).toMatchObject([{ ending: 'lost' }])
    expect(await spentOf(witness)).toEqual({ costMicros: 5, requests: 1 })
    expect(await leftOf(witness)).toBe(95)

    wire.restore()
    await expect.poll(() => store.isReady(), POLL).toBe(true)
    await store.settle(makeEntry(reservation, 30))
    expect(await collect(witness)).toMatchObject([{ ending: 'completed', costMicros: 30 }])
    expect(await spentOf(witness)).toEqual({ costMicros: 30, requests: 1 })
    expect(await leftOf(witness)).toBe(70)
  })

  it('goes on after Redis has lost everything', async () => {
    const { redis, store } = await start({ leaseMs: 300 })
    const reservation = makeReservation({ caps, minimumMicros: 60, wantedMicros: 60 })
    await store.open(reservation)
    await redis.stop()
    await redis.start()
    await expect.poll(() => store.isReady(), POLL).toBe(true)
    // It is reserved anew, scripts and all.
    await expect.poll(() => leftOf(store), POLL).toBe(40)
    await store.settle(makeEntry(reservation, 10))
    expect(await leftOf(store)).toBe(90)
  })
})

describe.skipIf(redisServer === undefined)('REDIS_FAILURE_MODE=closed', () => {
  it('refuses who has a budget, and nobody else', async () => {
    const { wire, store } = await start({ mode: 'closed' })
    await untilAway(store, wire)
    await expect(store.open(makeReservation({ caps }))).rejects.toMatchObject({
      status: 503,
      code: 'store_unavailable',
      headers: { 'retry-after': '1' },
    })
    const unbounded = makeReservation()
    expect(await store.open(unbounded)).toEqual({ isGranted: true, grantedMicros: Infinity })
    await store.settle(makeEntry(unbounded, 3))
  })

  it('grants nothing more to a stream that runs', async () => {
    const { wire, store } = await start({ mode: 'closed' })
    const reservation = makeReservation({ caps })
    await store.open(reservation)
    await untilAway(store, wire)
    await expect(store.grow(reservation.id, 10)).rejects.toMatchObject({ status: 503 })
  })

  it('gives back what was reserved for a call that was refused', async () => {
    const { wire, store, witness } = await start({ mode: 'closed' })
    await leftOf(witness)
    wire.dropAnswers()
    const reservation = makeReservation({ caps, minimumMicros: 60, wantedMicros: 60 })
    await expect(store.open(reservation)).rejects.toMatchObject({ status: 503 })
    expect(await leftOf(witness)).toBe(40)
    wire.restore()
    await expect.poll(() => leftOf(witness), POLL).toBe(100)
    expect(await collect(witness)).toEqual([])
  })
})

describe.skipIf(redisServer === undefined)('REDIS_FAILURE_MODE=open', () => {
  it('goes on from what was spent when Redis was last heard of, for this process', async () => {
    const { wire, store, witness } = await start()
    const first = makeReservation({ caps })
    await store.open(first)
    await store.settle(makeEntry(first, 60))
    // A refusal tells what is spent, too.
    await store.open(makeReservation({ caps, minimumMicros: 41 }))
    await untilAway(store, wire)

    const amounts = { caps, minimumMicros: 30, wantedMicros: 30 }
    const running = makeReservation(amounts)
    expect(await store.open(running)).toEqual({ isGranted: true, grantedMicros: 30 })
    expect(await store.open(makeReservation(amounts))).toMatchObject({ isGranted: false })
    expect(await store.grow(running.id, 100)).toBe(10)
    expect(await store.grow(running.id, 100)).toBe(0)
    await store.settle(makeEntry(running, 35))
    const last = makeReservation({ caps, minimumMicros: 5, wantedMicros: 5 })
    expect(await store.open(last)).toMatchObject({ isGranted: true })
    await store.settle(makeEntry(last, 5))
    expect(await store.open(makeReservation({ caps }))).toMatchObject({ isGranted: false })

    wire.restore()
    await expect.poll(() => spentOf(witness), POLL).toEqual({ costMicros: 100, requests: 3 })
    expect(await leftOf(witness)).toBe(0)
  })

  it('lets a stream that runs grow, and tells Redis when it is back', async () => {
    const { wire, store, witness } = await start({ leaseMs: 600 })
    const running = makeReservation({ caps, minimumMicros: 20, wantedMicros: 20 })
    await store.open(running)
    await untilAway(store, wire)
    expect(await store.grow(running.id, 30)).toBe(30)
    const opened = makeReservation({ caps, minimumMicros: 10, wantedMicros: 10 })
    expect(await store.open(opened)).toMatchObject({ isGranted: true })
    wire.restore()
    await expect.poll(() => leftOf(witness), POLL).toBe(40)
    await store.settle(makeEntry(running, 50))
    await store.settle(makeEntry(opened, 10))
    expect(await leftOf(witness)).toBe(40)
  })
})
