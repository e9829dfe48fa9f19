import type { Currency } from '../usage/ledger-entry.ts'
import type { Difference, Sums } from './reconcile.ts'

const HEAD = ['day', 'model', 'calls', 'input', 'output', 'cost', 'corrected', 'unmatched']

const OTHER_CURRENCY =
  'The provider bills in CNY, and not all of the ledger is in it: where both amounts stand, they are not compared.\n'

/** A table of what differs: each number is the ledger's, and behind it how much the provider has more or less. */
export function formatReport(differences: readonly Difference[]): string {
  const rows = differences.map(({ day, model, ledger, provider, corrected, unmatched }) => [
    day,
    model || '-',
    ...(['calls', 'inputTokens', 'outputTokens'] as const).map((name) =>
      beside(ledger[name], provider[name], String),
    ),
    costCell(ledger, provider),
    String(corrected),
    String(unmatched),
  ])
  const table = [HEAD, ...rows]
  const widths = HEAD.map((_, column) => Math.max(...table.map((row) => row[column]?.length ?? 0)))
  const lines = table
    .map((row) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  '))
    .map((line) => `${line.trimEnd()}\n`)
  const isOther = differences.some(({ ledger }) => currenciesOf(ledger).some(isForeign))
  return lines.join('') + (isOther ? OTHER_CURRENCY : '')
}

function beside(ledger: number, provider: number, write: (value: number) => string): string {
  const difference = provider - ledger
  if (difference === 0) return write(ledger)
  return `${write(ledger)} (${difference > 0 ? '+' : ''}${write(difference)})`
}

/** Amounts are compared where both sides have all of theirs in yuan; else each stands for itself. */
function costCell(ledger: Sums, provider: Sums): string {
  if (isInYuan(ledger) && isInYuan(provider)) {
    return `${beside(ledger.costMicros.CNY ?? 0, provider.costMicros.CNY ?? 0, writeAmount)} CNY`
  }
  return `${writeAmounts(ledger)} / ${writeAmounts(provider)}`
}

const currenciesOf = ({ costMicros }: Sums): Currency[] =>
  (['CNY', 'USD'] as const).filter((currency) => costMicros[currency] !== undefined)

const isForeign = (currency: Currency): boolean => currency !== 'CNY'

/** Where there are calls, there is an amount for them. */
const isInYuan = (sums: Sums): boolean =>
  !currenciesOf(sums).some(isForeign) && (sums.calls === 0 || sums.costMicros.CNY !== undefined)

const writeAmounts = (sums: Sums): string =>
  currenciesOf(sums)
    .map((currency) => `${writeAmount(sums.costMicros[currency] ?? 0)} ${currency}`)
    .join(' + ') || '-'

/** With two decimals, and more where there are. */
const writeAmount = (micros: number): string =>
  (micros / 1_000_000).toFixed(6).replace(/(\.\d\d\d*?)0+$/, '$1')
