import { expect, it } from 'vitest'

import type { UsageRow } from '../../src/stores/ledger-store.ts'
import { toCsv, usageReport } from '../../src/usage/usage-report.ts'

const row = (key: string, costMicros: number, currency: UsageRow['currency'] = 'CNY') =>
  ({
    key,
    currency,
    requests: 1,
    inputTokens: 10,
    cachedTokens: 5,
    outputTokens: 2,
    costMicros,
    estimatedRequests: 1,
  }) satisfies UsageRow

it('adds up what costs least when there are more rows than anybody reads', () => {
  const rows = [row('a', 1), row('b', 9), row('c', 2), row('d', 8), row('e', 3, 'USD')]
  const report = usageReport(rows, 'model', 2)
  expect(report.map(({ model, cost_micros, currency }) => [model, cost_micros, currency])).toEqual([
    ['(other)', 3, 'CNY'],
    ['(other)', 3, 'USD'],
    ['b', 9, 'CNY'],
    ['d', 8, 'CNY'],
  ])
  expect(report[0]).toMatchObject({ requests: 2, input_tokens: 20, estimated_requests: 2 })
})

it('is bounded, however many models were made up', () => {
  const rows = Array.from({ length: 30_000 }, (_, index) => row(`made-up-${index}`, index))
  const report = usageReport(rows, 'model')
  expect(report).toHaveLength(10_001)
  expect(report.reduce((sum, { requests }) => sum + Number(requests), 0)).toBe(30_000)
})

it.each(['=1', '+1', '-1', '@a', ' =1', '\t=1', '\n1', '＝1', '＠a', '\u200b=1'])(
  'leaves no formula of %j',
  (model) => {
    const [, line] = toCsv(usageReport([row(model, 1)], 'model'), 'model').split(/\r\n/)
    expect(line).toMatch(/^"?'/)
  },
)

it('keeps names as they are that mean nothing to a spreadsheet', () => {
  const [, line] = toCsv(usageReport([row('gpt-4o', 1)], 'model'), 'model').split('\r\n')
  expect(line).toBe('gpt-4o,1,10,5,2,1,CNY,1')
})
