import { expect, it } from 'vitest'

import { runFuzz } from './fuzz.ts'

// A slice of `npm run fuzz`, the same every time; a failure names its case.

it('holds against mutated requests and answers', { timeout: 120_000 }, async () => {
  const { requests, answers, failures } = await runFuzz({
    seed: 20_261_124,
    requests: 1500,
    answers: 1500,
    limitMs: 60_000,
  })
  expect(failures).toEqual([])
  expect({ requests, answers }).toEqual({ requests: 1500, answers: 1500 })
})
