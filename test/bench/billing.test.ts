import { describe, expect, it } from 'vitest'

import { measureBilling } from '../../bench/billing.ts'
import { compareBooks, findFaults } from '../../bench/billing/compare.ts'
import type { BillEntry } from '../../src/demo/bill.ts'
import type { LedgerEntry } from '../../src/usage/ledger-entry.ts'
import { makeEntry } from '../helpers/ledger.ts'

it('finds the ledger equal to the bill, and estimates only where clients left', async () => {
  const plan = { requests: 500, aborted: 50, seed: 7 }
  const result = await measureBilling(plan)
  expect(findFaults(result, plan)).toEqual([])
  expect(result.exact).toBeGreaterThanOrEqual(450)
  expect(result.exactMicros).toBeGreaterThan(0)
  expect(result.estimated).toBeGreaterThan(0)
})

describe('the comparison', () => {
  const PLAN = { requests: 2, aborted: 1, seed: 1 }
  const USED = { inputTokens: 1000, cachedTokens: 200, outputTokens: 20 }
  /** 800 at 2.5, 200 at 1.25 and 20 at 10 micros. */
  const MICROS = 2450

  const entry = (id: string, parts: Partial<LedgerEntry> = {}): LedgerEntry => {
    const rest = { ...USED, model: 'gpt-4o', upstreamRequestId: `up-${id}`, ...parts }
    return makeEntry({ id }, MICROS, rest)
  }
  const line = (id: string): BillEntry => ({
    ...USED,
    requestId: `up-${id}`,
    path: '/v1/chat/completions',
    model: 'gpt-4o',
    streamed: true,
    reasoningTokens: 0,
    images: 0,
    characters: 0,
    audioSeconds: 0,
    outcome: 'finished',
    createdAtMs: 0,
  })
  const judge = (entries: readonly LedgerEntry[], left: readonly string[] = ['b']): string[] => {
    const bill = [line('a'), line('b')]
    return findFaults(compareBooks({ entries, bill, left: new Set(left) }), PLAN)
  }

  it('finds nothing where both agree', () => {
    expect(judge([entry('a'), entry('b', { isEstimated: true })])).toEqual([])
  })

  it.each<[string, LedgerEntry[], string]>([
    ['a token too many', [entry('a', { outputTokens: 21 }), entry('b')], 'outputTokens 21'],
    ['another cost', [entry('a', { costMicros: 2449 }), entry('b')], 'costMicros 2449'],
    ['no cost', [entry('a', { costMicros: undefined }), entry('b')], 'costMicros undefined'],
    ['a missing entry', [entry('a')], '1 entries for 2 requests'],
    ['an entry twice', [entry('a'), entry('a')], '2 without a line'],
    ['an estimate without need', [entry('a', { isEstimated: true }), entry('b')], '1 estimated'],
    [
      'estimates far off',
      [entry('a'), entry('b', { isEstimated: true, inputTokens: 500 })],
      'estimated tokens: 520 instead of 1020',
    ],
    [
      'estimated costs far off',
      [entry('a'), entry('b', { isEstimated: true, costMicros: 4000 })],
      'estimated micros: 4000 instead of 2700',
    ],
  ])('finds %s', (_, entries, fault) => {
    expect(judge(entries).join('\n')).toContain(fault)
  })

  it('finds that clients stayed who were to leave', () => {
    expect(judge([entry('a'), entry('b')], [])).toEqual(['0 clients left, not 1'])
  })
})
