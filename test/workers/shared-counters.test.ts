import { once } from 'node:events'
import { Worker } from 'node:worker_threads'

import { describe, expect, it } from 'vitest'

import { createSharedMemory, openSharedCounters } from '../../src/workers/shared-counters.ts'

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

  it('take back the places of a thread that has ended, and of no other', () => {
    const memory = createSharedMemory(SHAPE)
    const [first, second] = [0, 1].map((thread) => openSharedCounters(memory, { ...SHAPE, thread }))
    expect(first?.use('client:a', 0, (places) => places.take(3))).toBe(true)
    expect(second?.use('client:a', 0, (places) => places.take(3))).toBe(true)
    expect(second?.use('client:a', 0, (places) => places.take(3))).toBe(true)
    expect(first?.use('client:a', 0, (places) => places.take(3))).toBe(false)
    first?.releaseThread(1)
    const free = [1, 2, 3].map(() => first?.use('client:a', 0, (places) => places.take(3)))
    expect(free).toEqual([true, true, false])
  })

  it('keep the counter of a name that has a place taken, whatever else comes', () => {
    const shape = { threads: 1, perKind: 4 }
    const counters = openSharedCounters(createSharedMemory(shape), { ...shape, thread: 0 })
    counters.use('address:kept', 0, (places) => places.take(1))
    for (let other = 0; other < 100; other++) {
      counters.use(`address:${other}`, other, (counter) => (counter.endsAt = other + 1))
    }
    expect(counters.use('address:kept', 100, (places) => places.take(1))).toBe(false)
  })

  it('go on when a thread was ended while it held the lock', () => {
    const memory = createSharedMemory(SHAPE)
    const counters = openSharedCounters(memory, { ...SHAPE, thread: 0 })
    new Int32Array(memory)[0] = 1
    counters.use('client:a', 0, (counter) => counter.count++)
    expect(counters.use('client:a', 0, (counter) => counter.count)).toBe(1)
  })
})
