import { expect, it } from 'vitest'

import { measureEvent, measureRequest } from '../../bench/taps.ts'

const PLAN = { rounds: 3, roundMs: 20 }

it.each([
  ['an event', measureEvent],
  ['a request', measureRequest],
])('measures what %s takes, one by one and together', (_what, measure) => {
  const { together, ...parts } = measure(PLAN)
  expect(parts.meter).toBeGreaterThan(0)
  expect(parts.scan).toBeGreaterThan(0)
  expect(together).toBeGreaterThan(0)
  expect(Number.isFinite(together)).toBe(true)
})
