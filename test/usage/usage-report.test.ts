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
    ['="a",b', '"\'=""a"",b"'],
  ])('writes %j as %j', (name, cell) => {
    expect(firstCell(name)).toBe(cell)
  })
})
