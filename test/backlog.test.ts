import { describe, expect, it } from 'vitest'

import { createBacklog } from '../src/backlog.ts'

describe('a backlog', () => {
  it('is worked off when enough has come together, in the order in which it came', () => {
    const done: number[] = []
    const backlog = createBacklog(3)
    for (const piece of [1, 2]) backlog.add(() => done.push(piece))
    expect(done).toEqual([])
    backlog.add(() => done.push(3))
    expect(done).toEqual([1, 2, 3])
  })

  it('loses nothing behind a piece that fails', () => {
    const done: number[] = []
    const backlog = createBacklog(2)
    backlog.add(() => {
      throw new Error('no number')
    })
    expect(() => backlog.add(() => done.push(2))).toThrow('no number')
    backlog.clear()
    expect(done).toEqual([2])
  })

  it('is worked off when somebody looks', () => {
    const done: number[] = []
    const backlog = createBacklog(3)
    backlog.add(() => done.push(1))
    backlog.clear()
    backlog.clear()
    expect(done).toEqual([1])
  })
})
