import { describe, expect, it } from 'vitest'

import { createRounds } from '../../src/stores/rounds.ts'

const STEPS = 10

describe('rounds', () => {
  it('visit everything within their steps, a few at a time', () => {
    const rounds = createRounds<number>(STEPS)
    for (let i = 0; i < 1000; i++) rounds.set(String(i), i)
    rounds.step(() => {})
    const visited: number[] = []
    for (let step = 0; step < STEPS; step++) {
      const before = visited.length
      rounds.step((thing) => visited.push(thing))
      expect(visited.length - before).toBeLessThanOrEqual(1000 / STEPS + 1)
    }
    expect(new Set(visited).size).toBe(1000)
  })

  it('take no longer where what was visited goes', () => {
    const rounds = createRounds<string>(STEPS)
    for (let i = 0; i < 1000; i++) rounds.set(String(i), String(i))
    rounds.step(() => {})
    for (let step = 0; step < STEPS; step++) rounds.step((id) => void rounds.take(id))
    expect(rounds.count()).toBe(0)
  })
})
