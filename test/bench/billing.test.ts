import { expect, it } from 'vitest'

import { estimateError, measureBilling } from '../../bench/billing.ts'

it('finds the ledger equal to the bill, and estimates only where clients left', async () => {
  const result = await measureBilling({ requests: 300, aborted: 30, seed: 7 })
  expect(result).toMatchObject({ requests: 300, wrong: [], unmatched: 0, estimatedOfStayed: 0 })
  expect(result.exact).toBeGreaterThanOrEqual(270)
  expect(result.estimated).toBeGreaterThan(0)
  // Over thirty streams; the bench has a thousand, and holds them to 15 %.
  expect(Math.abs(estimateError(result))).toBeLessThan(0.3)
})
