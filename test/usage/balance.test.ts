import { expect, it } from 'vitest'

import { limitOf } from '../../src/usage/balance.ts'
import { moneyCap } from '../helpers/ledger.ts'

const SPENT = { client: { day: 30, month: 200 }, instance: { day: 250, month: 900 } }

const shared = (cap: number, period: 'day' | 'month' = 'day') =>
  moneyCap(cap, { scope: 'instance', period })

it.each([
  ['the month’s', [moneyCap(1000, { period: 'month' })], 1000],
  ['the day’s, as what is left today', [moneyCap(100)], 270],
  ['the nearest', [moneyCap(100), moneyCap(250, { period: 'month' })], 250],
  ['nothing left, when one is spent', [moneyCap(20), moneyCap(1000, { period: 'month' })], 200],
  ['what all have left together, when that is less', [moneyCap(100), shared(300)], 248],
  ['the client’s, when all together have more', [moneyCap(100), shared(1000)], 270],
  ['nothing left, when all have spent theirs', [shared(1000), shared(900, 'month')], 200],
  ['in hundredths of what all have, rounded down', [shared(1010)], 959],
] as const)('the limit is %s', (_which, budgets, limit) => {
  expect(limitOf(budgets, SPENT)).toBe(limit)
})

it('there is none by requests', () => {
  const budgets = [moneyCap(1, { unit: 'requests' }), { ...shared(1), unit: 'requests' } as const]
  expect(limitOf(budgets, SPENT)).toBeUndefined()
  expect(limitOf([], SPENT)).toBeUndefined()
})
