import { describe, expect, it } from 'vitest'

import { createRequestTurns } from '../../src/http/request-turns.ts'

const nextTurn = () => new Promise((resolve) => setImmediate(resolve))

function startRequests(count: number) {
  const turns = createRequestTurns()
  const begun: number[] = []
  for (let index = 0; index < count; index++) turns.take(() => begun.push(index))
  return { turns, begun }
}

describe('requests that come at once', () => {
  it('begin at once while they are few', () => {
    const { turns, begun } = startRequests(4)
    expect(begun).toEqual([0, 1, 2, 3])
    expect(turns.delayMs()).toBe(0)
  })

  it('begin a few in each turn of the event loop, in the order in which they came', async () => {
    const { turns, begun } = startRequests(50)
    for (let turn = 0; begun.length < 50; turn++) {
      expect(turn).toBeLessThan(50)
      const before = begun.length
      await nextTurn()
      expect(begun.length - before).toBeGreaterThan(0)
      expect(begun.length - before).toBeLessThanOrEqual(4)
    }
    expect(begun).toEqual(Array.from({ length: 50 }, (_, index) => index))
    await nextTurn()
    turns.take(() => begun.push(50))
    expect(begun.at(-1)).toBe(50)
  })

  it('do not overtake those that wait', async () => {
    const { turns, begun } = startRequests(10)
    await nextTurn()
    turns.take(() => begun.push(10))
    expect(begun.at(-1)).not.toBe(10)
    for (let turn = 0; turn < 5; turn++) await nextTurn()
    expect(begun.at(-1)).toBe(10)
  })

  it('tell how long the first of them has waited', async () => {
    const { turns } = startRequests(5)
    expect(turns.delayMs()).toBeGreaterThanOrEqual(0)
    const before = turns.delayMs()
    expect(turns.delayMs()).toBeGreaterThanOrEqual(before)
    await nextTurn()
    expect(turns.delayMs()).toBe(0)
  })
})
