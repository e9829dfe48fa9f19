import { once } from 'node:events'
import { Worker } from 'node:worker_threads'

import { describe, expect, it } from 'vitest'

import { createOwnTotals } from '../../src/limits/process-total.ts'
import { createTotalsMemory, openSharedTotals } from '../../src/workers/shared-totals.ts'

const THREADS = 4
const ROUNDS = 500_000

const openAll = (memory: SharedArrayBuffer) =>
  Array.from({ length: THREADS }, (_, thread) =>
    openSharedTotals(memory, { threads: THREADS, thread }),
  )

describe.each([
  ['of one thread', createOwnTotals],
  [
    'of several',
    () => openSharedTotals(createTotalsMemory(THREADS), { threads: THREADS, thread: 2 }),
  ],
])('a total %s', (_what, create) => {
  it('is taken up to its limit, as a whole or not at all', () => {
    const { bodyKib } = create()
    expect(bodyKib.take(3, 10)).toBe(true)
    expect(bodyKib.take(8, 10)).toBe(false)
    expect(bodyKib.take(7, 10)).toBe(true)
    expect(bodyKib.take(1, 10)).toBe(false)
    bodyKib.giveBack(2)
    expect(bodyKib.take(2, 10)).toBe(true)
    expect(bodyKib.take(1, 10)).toBe(false)
  })

  it('counts also what no limit holds back, for one that comes later', () => {
    const { requests } = create()
    for (let i = 0; i < 5; i++) expect(requests.take(1, 0)).toBe(true)
    expect(requests.take(1, 5)).toBe(false)
    requests.giveBack(1)
    expect(requests.take(1, 5)).toBe(true)
  })

  it('has nothing to do with the other', () => {
    const { requests, bodyKib } = create()
    expect(requests.take(1, 1)).toBe(true)
    expect(bodyKib.take(1, 1)).toBe(true)
  })
})

describe('the totals of several threads', () => {
  it('never pass their limit, and lose nothing, while all take and give back at once', async () => {
    const memory = createTotalsMemory(THREADS)
    const shared = { memory, seen: new SharedArrayBuffer(8), threads: THREADS, rounds: ROUNDS }
    // Of bodies there is room for all rounds but the last one.
    const bodyLimit = 3 * THREADS * ROUNDS - 1
    const found = await Promise.all(
      [0, 1, 2, 3].map(async (thread) => {
        const worker = new Worker(new URL('taking-thread.ts', import.meta.url), {
          workerData: { ...shared, thread, limit: 2, bodyLimit },
        })
        const [answer]: { most: number; kept: number }[] = await once(worker, 'message')
        await worker.terminate()
        return answer
      }),
    )
    for (const answer of found) expect(answer?.most).toBeLessThanOrEqual(2)
    expect(found.reduce((sum, answer) => sum + (answer?.kept ?? 0), 0)).toBe(bodyLimit - 2)
    const [own] = openAll(memory)
    expect(own?.requests.take(2, 2)).toBe(true)
    expect(own?.bodyKib.take(2, bodyLimit)).toBe(true)
    expect(own?.bodyKib.take(1, bodyLimit)).toBe(false)
  })

  it('have back what a thread that has ended had taken, and nothing of the others', () => {
    const [first, second, third] = openAll(createTotalsMemory(THREADS))
    expect(first?.requests.take(2, 10)).toBe(true)
    expect(second?.requests.take(3, 10)).toBe(true)
    expect(second?.bodyKib.take(4, 10)).toBe(true)
    second?.requests.giveBack(1)
    third?.releaseThread(1)
    expect(third?.requests.take(9, 10)).toBe(false)
    expect(third?.requests.take(8, 10)).toBe(true)
    expect(third?.bodyKib.take(10, 10)).toBe(true)
    // Its place is taken by another, which begins with nothing.
    first?.requests.giveBack(2)
    third?.releaseThread(1)
    expect(third?.requests.take(3, 10)).toBe(false)
    expect(third?.requests.take(2, 10)).toBe(true)
  })
})
