import { describe, expect, it } from 'vitest'

import type { UsageRow } from '../../src/stores/ledger-store.ts'
import { toCsv, usageReport } from '../../src/usage/usage-report.ts'

const row = (key: string, parts: Partial<UsageRow> = {}): UsageRow => ({
  key,
  currency: 'CNY',
  requests: 2,
  inputTokens: 30,
  cachedTokens: 4,
  outputTokens: 50,
  costMicros: 600,
  estimatedRequests: 1,
  ...parts,
})

const firstCell = (model: string): string | undefined =>
  /^\r?\n?([^]*),2,30,4,50,600,CNY,1\r\n$/.exec(
    toCsv(usageReport([row(model)], 'model'), 'model').split('estimated_requests\r')[1] ?? '',
  )?.[1]

describe('a report', () => {
  it('has a row for each name and currency, in their order', () => {
    const rows = [row('b'), row('a', { currency: 'USD' }), row('a')]
    expect(usageReport(rows, 'client').map(({ client, currency }) => [client, currency])).toEqual([
      ['a', 'CNY'],
      ['a', 'USD'],
      ['b', 'CNY'],
    ])
  })
})

describe('a report of more rows than anybody reads', () => {
  it('adds up what costs least, each currency by itself', () => {
    const rows = [
      row('a', { costMicros: 1 }),
      row('b', { costMicros: 9 }),
      row('c', { costMicros: 2 }),
      row('d', { costMicros: 8 }),
      row('e', { costMicros: 3, currency: 'USD' }),
    ]
    const report = usageReport(rows, 'model', 2)
    const cells = report.map(({ model, cost_micros, currency }) => [model, cost_micros, currency])
    expect(cells).toEqual([
      ['(other)', 3, 'CNY'],
      ['(other)', 3, 'USD'],
      ['b', 9, 'CNY'],
      ['d', 8, 'CNY'],
    ])
    expect(report[0]).toMatchObject({ requests: 4, input_tokens: 60, estimated_requests: 2 })
  })

  it('is bounded, however many models were made up', () => {
    const rows = Array.from({ length: 30_000 }, (_, index) => row(`made-up-${index}`))
    const report = usageReport(rows, 'model')
    expect(report).toHaveLength(10_001)
    expect(report.reduce((sum, { requests }) => sum + Number(requests), 0)).toBe(60_000)
  })
})

describe('a cell of CSV', () => {
  it.each([
    ['gpt-4o', 'gpt-4o'],
    ['', ''],
    ['a,b', '"a,b"'],
    ['a"b', '"a""b"'],
    ['a\r\nb', '"a\r\nb"'],
    ['a;=1+1', '"a;=1+1"'],
    ['a\t=1+1', '"a\t=1+1"'],
    ['=1+1', "'=1+1"],
    ['+1', "'+1"],
    ['-1', "'-1"],
    ['@SUM(A1)', "'@SUM(A1)"],
    ['\t=1', '"\'\t=1"'],
    ['\n=1', '"\'\n=1"'],
    ['＝1', "'＝1"],
    [' =1', "' =1"],
    ['\u200b=1', "'\u200b=1"],
    ['="a",b', '"\'=""a"",b"'],
  ])('writes %j as %j', (name, cell) => {
    expect(firstCell(name)).toBe(cell)
  })
})
