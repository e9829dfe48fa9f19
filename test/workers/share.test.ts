import { describe, expect, it } from 'vitest'

import { shareOf } from '../../src/workers/share.ts'

describe("a thread's share", () => {
  it.each([
    [10_000, 2, 5000],
    [10, 8, 1],
    [15, 8, 1],
    [16, 8, 2],
    [10, 1, 10],
  ])('of %i among %i is no more than all may have together: %i', (limit, workers, share) => {
    expect(shareOf(limit, workers)).toBe(share)
  })

  it('is one at least, and no limit where there is none', () => {
    expect(shareOf(1, 8)).toBe(1)
    expect(shareOf(0, 8)).toBe(0)
  })
})
