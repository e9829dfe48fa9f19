import { expect, it } from 'vitest'

import { limitOf } from '../../src/usage/balance.ts'
import { moneyCap } from '../helpers/ledger.ts'

const SPENT = { day: 30, month: 200 }

it.each([
  ['the month’s', [moneyCap(1000, { period: 'month' })], 1000],
  ['the day’s, as what is left today', [moneyCap(100)], 270],
  ['the nearest', [moneyCap(100), moneyCap(250, { period: 'month' })], 250],
  ['nothing left, when one is spent', [moneyCap(20), moneyCap(1000, { period: 'month' })], 200],
] as const)('the limit is %s', (_which, budgets, limit) => {
  expect(limitOf(budgets, SPENT)).toBe(limit)
})

it('there is none by requests, nor by what all may spend together', () => {
  const budgets = [moneyCap(1, { unit: 'requests' }), moneyCap(1, { scope: 'instance' })]
  expect(limitOf(budgets, SPENT)).toBeUndefined()
  expect(limitOf([], SPENT)).toBeUndefined()
})
