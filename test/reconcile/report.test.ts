import { expect, it } from 'vitest'

import type { Difference, Sums } from '../../src/reconcile/reconcile.ts'
import { formatReport } from '../../src/reconcile/report.ts'

const sums = (calls: number, costMicros: Sums['costMicros']): Sums => ({
  calls,
  inputTokens: 10 * calls,
  outputTokens: 20 * calls,
  costMicros,
})

const row = (ledger: Sums, provider: Sums, rest: Partial<Difference> = {}): Difference => ({
  day: '2026-11-23',
  model: 'gpt-4o',
  ledger,
  provider,
  corrected: 0,
  unmatched: 0,
  ...rest,
})

const linesOf = (...rows: Difference[]): string[] => formatReport(rows).split('\n')

it('shows of each number the ledger’s, and how much the provider has more or less', () => {
  expect(
    linesOf(
      row(sums(3, { CNY: 1_230_000 }), sums(2, { CNY: 1_250_000 }), { unmatched: 1 }),
      row(sums(1, { CNY: 30_600 }), sums(1, { CNY: 30_600 }), { model: 'dall-e-3' }),
      row(sums(1, { CNY: 1 }), sums(0, {}), { model: '' }),
    ),
  ).toEqual([
    'day         model     calls   input     output    cost                      corrected  unmatched',
    '2026-11-23  gpt-4o    3 (-1)  30 (-10)  60 (-20)  1.23 (+0.02) CNY          0          1',
    '2026-11-23  dall-e-3  1       10        20        0.0306 CNY                0          0',
    '2026-11-23  -         1 (-1)  10 (-10)  20 (-20)  0.000001 (-0.000001) CNY  0          0',
    '',
  ])
})

it('compares no amounts in two currencies, and says so', () => {
  const [, line, note] = linesOf(row(sums(1, { USD: 1200 }), sums(1, { CNY: 30_000 })))
  expect(line).toContain('  0.0012 USD / 0.03 CNY  ')
  expect(note).toMatch(/bills in CNY, and not all of the ledger is in it/)
})

it('shows amounts that one side has not', () => {
  const [, unpriced, unbilled, mixed] = linesOf(
    row(sums(1, {}), sums(1, { CNY: 30_000 })),
    row(sums(1, { CNY: 30_000 }), sums(1, {})),
    row(sums(2, { CNY: 10_000, USD: 2 }), sums(2, { CNY: 30_000 })),
  )
  expect(unpriced).toContain('  - / 0.03 CNY  ')
  expect(unbilled).toContain('  0.03 CNY / -  ')
  expect(mixed).toContain('  0.01 CNY + 0.000002 USD / 0.03 CNY  ')
})
