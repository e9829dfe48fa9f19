import { once } from 'node:events'
import { Worker } from 'node:worker_threads'

import { describe, expect, it } from 'vitest'

import type { LimitStore } from '../../src/stores/limit-store.ts'
import { createSharedLimitStore } from '../../src/stores/shared-limit-store.ts'
import {
  createSharedMemory,
  openSharedCounters,
  type SharedCountersShape,
} from '../../src/workers/shared-counters.ts'

const SHAPE = { threads: 4, perKind: 1000 }
const ROUNDS = 20_000

async function count(memory: SharedArrayBuffer, thread: number): Promise<number> {
  const worker = new Worker(new URL('counting-thread.ts', import.meta.url), {
    workerData: { ...SHAPE, memory, thread, rounds: ROUNDS },
  })
  const [taken] = await once(worker, 'message')
  await worker.terminate()
  return Number(taken)
}

/** The main thread's view, and those of threads as stores of limits at a time that stands still. */
function open(shape: SharedCountersShape) {
  const memory = createSharedMemory(shape)
  const openStore = (thread: number): LimitStore =>
    createSharedLimitStore(openSharedCounters(memory, { ...shape, thread }), () => 1)
  return { counters: openSharedCounters(memory, { ...shape, thread: 0 }), openStore }
}

describe('shared counters', () => {
  it('lose nothing between threads that count at once, and hand out no place twice', async () => {
    const memory = createSharedMemory(SHAPE)
    const taken = await Promise.all([0, 1, 2, 3].map((thread) => count(memory, thread)))
    const counters = openSharedCounters(memory, { ...SHAPE, thread: 0 })
    const read = (name: string): number => counters.use(name, 0, (counter) => counter.count)
    expect(read('client:a')).toBe(4 * ROUNDS)
    const addresses = Array.from({ length: 50 }, (_, index) => read(`address:${index}`))
    expect(addresses.reduce((sum, each) => sum + each)).toBe(4 * ROUNDS)
    expect(taken.reduce((sum, each) => sum + each)).toBe(100)
  })

  it('take back the places of a thread that has ended, and of no other', async () => {
    const { counters, openStore } = open({ threads: 2, perKind: 1 })
    const [living, dying] = [openStore(0), openStore(1)]
    const before = await dying.takeSlot('client:a', 3)
    await living.takeSlot('client:a', 3)
    await dying.takeSlot('client:a', 3)
    before?.release()
    await dying.takeSlot('client:a', 3)
    // Shares a counter: there is no room for its own.
    await dying.takeSlot('client:b', 1)
    expect(await living.takeSlot('client:a', 3)).toBeUndefined()
    counters.releaseThread(1)
    const free = [3, 3, 3].map((limit) => living.takeSlot('client:a', limit))
    expect((await Promise.all(free)).map(Boolean)).toEqual([true, true, false])
    expect(await living.takeSlot('client:b', 1)).toBeDefined()
  })

  it('know nothing of the places of a thread that was here before', async () => {
    const { counters, openStore } = open({ threads: 2, perKind: 1 })
    const other = openStore(0)
    await openStore(1).takeSlot('client:a', 1)
    counters.releaseThread(1)
    const next = openStore(1)
    const slot = await next.takeSlot('client:a', 1)
    expect(await other.takeSlot('client:a', 1)).toBeUndefined()
    slot?.release()
    expect(await other.takeSlot('client:a', 1)).toBeDefined()
  })

  // A place that was taken while there was no room for the name was looked for where it has its own counter by now:
  // the shared one kept it for good, and after enough of them refused everybody.
  it('give a place back where it was taken', async () => {
    const store = open({ threads: 1, perKind: 1 }).openStore(0)
    const own = await store.takeSlot('address:a', 1)
    const shared = await store.takeSlot('address:b', 1)
    own?.release()
    shared?.release()
    expect(await store.takeSlot('address:c', 1)).toBeDefined()
    expect(await store.takeSlot('address:d', 1)).toBeDefined()
  })

  it('keep a place of a name that gives back another, taken elsewhere', async () => {
    const store = open({ threads: 1, perKind: 1 }).openStore(0)
    const own = await store.takeSlot('address:a', 1)
    const shared = await store.takeSlot('address:b', 1)
    own?.release()
    expect(await store.takeSlot('address:b', 1)).toBeDefined()
    shared?.release()
    expect(await store.takeSlot('address:b', 1)).toBeUndefined()
  })

  it('have no place for more than a thread could ever serve', async () => {
    const store = open({ threads: 1, perKind: 1 }).openStore(0)
    const slots = Array.from({ length: 100_000 }, () => store.takeSlot('client:a', Infinity))
    const [first] = await Promise.all(slots)
    expect(await store.takeSlot('client:a', Infinity)).toBeUndefined()
    first?.release()
    expect(await store.takeSlot('client:a', Infinity)).toBeDefined()
  })

  it('keep the counter of a name that has a place taken, whatever else comes', () => {
    const shape = { threads: 1, perKind: 4 }
    const counters = openSharedCounters(createSharedMemory(shape), { ...shape, thread: 0 })
    counters.use('address:kept', 0, (places) => places.take(1))
    for (let other = 0; other < 100; other++) {
      counters.use(`address:${other}`, other, (counter) => (counter.endsAt = other + 1))
    }
    expect(counters.use('address:kept', 100, (places) => places.take(1))).toBeUndefined()
  })

  it('go on when a thread was ended while it held the lock', () => {
    const memory = createSharedMemory(SHAPE)
    const counters = openSharedCounters(memory, { ...SHAPE, thread: 0 })
    new Int32Array(memory)[0] = 1
    counters.use('client:a', 0, (counter) => counter.count++)
    expect(counters.use('client:a', 0, (counter) => counter.count)).toBe(1)
  })
})
