import { afterEach, describe, expect, it } from 'vitest'

import type { LimitStore } from '../../src/stores/limit-store.ts'
import { createMemoryLimitStore } from '../../src/stores/memory-limit-store.ts'
import { createRedisLimitStore } from '../../src/stores/redis-limit-store.ts'
import { createSharedLimitStore } from '../../src/stores/shared-limit-store.ts'
import { createSharedMemory, openSharedCounters } from '../../src/workers/shared-counters.ts'
import { redisServer, startRedis } from '../helpers/redis.ts'

const WINDOW_MS = 60_000

const opened: LimitStore[] = []

async function openMemory(): Promise<LimitStore> {
  return createMemoryLimitStore()
}

async function openRedis(): Promise<LimitStore> {
  const redis = await startRedis()
  return new Promise((resolve) => {
    const store = createRedisLimitStore({
      url: redis.url,
      onStateChange: (isReady) => isReady && resolve(store),
    })
  })
}

function openShared(perKind: number): LimitStore {
  const shape = { threads: 2, perKind }
  const counters = openSharedCounters(createSharedMemory(shape), { ...shape, thread: 0 })
  return createSharedLimitStore(counters, () => performance.now())
}

const stores: [string, () => Promise<LimitStore>][] = [
  ['memory', openMemory],
  ['shared memory', async () => openShared(1000)],
]
if (redisServer !== undefined) stores.push(['Redis', openRedis])

afterEach(async () => {
  await Promise.all(opened.splice(0).map((store) => store.close()))
})

describe.each(stores)('a limit store in %s', (_name, open) => {
  async function start(): Promise<LimitStore> {
    const store = await open()
    opened.push(store)
    return store
  }

  it('counts the requests of a key', async () => {
    const store = await start()
    const states = [
      await store.countRequest('a', WINDOW_MS),
      await store.countRequest('a', WINDOW_MS),
      await store.countRequest('b', WINDOW_MS),
    ]
    expect(states.map(({ count }) => count)).toEqual([1, 2, 1])
  })

  it('tells when the window ends, never later than its length', async () => {
    const store = await start()
    const { resetAfterMs } = await store.countRequest('a', WINDOW_MS)
    expect(resetAfterMs).toBeGreaterThan(0)
    expect(resetAfterMs).toBeLessThanOrEqual(WINDOW_MS)
    const next = await store.countRequest('a', WINDOW_MS)
    expect(next.resetAfterMs).toBeLessThanOrEqual(resetAfterMs)
  })

  it('begins a new window when the old one has ended', async () => {
    const store = await start()
    await store.countRequest('a', 50)
    await new Promise((resolve) => setTimeout(resolve, 80))
    expect((await store.countRequest('a', 50)).count).toBe(1)
  })

  it('counts every one of many requests at once', async () => {
    const store = await start()
    const states = await Promise.all(
      Array.from({ length: 100 }, () => store.countRequest('a', WINDOW_MS)),
    )
    expect(new Set(states.map(({ count }) => count)).size).toBe(100)
  })

  it('hands out as many places as there are', async () => {
    const store = await start()
    const slots = await Promise.all(Array.from({ length: 10 }, () => store.takeSlot('a', 3)))
    expect(slots.filter((slot) => slot !== undefined)).toHaveLength(3)
    expect(await store.takeSlot('b', 3)).toBeDefined()
  })

  it('hands a place out again once it is released, and only once', async () => {
    const store = await start()
    const slot = await store.takeSlot('a', 1)
    expect(await store.takeSlot('a', 1)).toBeUndefined()
    slot?.release()
    slot?.release()
    expect(await store.takeSlot('a', 1)).toBeDefined()
    expect(await store.takeSlot('a', 1)).toBeUndefined()
  })
})

const bounded: [string, () => LimitStore][] = [
  ['memory', () => createMemoryLimitStore({ maxWindows: 2 })],
  ['shared memory', () => openShared(2)],
]

describe.each(bounded)('a full limit store in %s', (_name, open) => {
  it('forgets no counter to make room for new keys', async () => {
    const store = open()
    opened.push(store)
    await store.countRequest('address:a', WINDOW_MS)
    await store.countRequest('address:b', WINDOW_MS)
    await store.countRequest('address:c', WINDOW_MS)
    expect((await store.countRequest('address:d', WINDOW_MS)).count).toBe(2)
    expect((await store.countRequest('address:a', WINDOW_MS)).count).toBe(2)
  })

  it('keeps room for each kind of key', async () => {
    const store = open()
    opened.push(store)
    for (let i = 0; i < 10; i++) await store.countRequest(`auth-failures:${i}`, WINDOW_MS)
    expect((await store.countRequest('client:a', WINDOW_MS)).count).toBe(1)
    expect((await store.countRequest('client:b', WINDOW_MS)).count).toBe(1)
  })

  it('takes over a window of another store, with its end', async () => {
    let now = 0
    const store = createMemoryLimitStore({ now: () => now })
    opened.push(store)
    expect(store.readWindow('client:a')).toBeUndefined()
    store.setWindow('client:a', { count: 7, resetAfterMs: 100 })
    now = 60
    expect(store.readWindow('client:a')).toEqual({ count: 7, resetAfterMs: 40 })
    expect(await store.countRequest('client:a', WINDOW_MS)).toEqual({ count: 8, resetAfterMs: 40 })
    now = 100
    expect(store.readWindow('client:a')).toBeUndefined()
    expect((await store.countRequest('client:a', WINDOW_MS)).count).toBe(1)
  })
})
