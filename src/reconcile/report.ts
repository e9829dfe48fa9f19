import type { Difference, Sums } from './reconcile.ts'

const HEAD = ['day', 'model', 'calls', 'input', 'output', 'corrected', 'unmatched']

/** A table of what differs: each number is the ledger's, and behind it how much the provider has more or less. */
export function formatReport(differences: readonly Difference[]): string {
  const rows = differences.map(({ day, model, ledger, provider, corrected, unmatched }) => [
    day,
    model || '-',
    ...(['calls', 'inputTokens', 'outputTokens'] as const).map((name) =>
      beside(ledger, provider, name),
    ),
    String(corrected),
    String(unmatched),
  ])
  const table = [HEAD, ...rows]
  const widths = HEAD.map((_, column) => Math.max(...table.map((row) => row[column]?.length ?? 0)))
  return table
    .map((row) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  '))
    .map((line) => `${line.trimEnd()}\n`)
    .join('')
}

function beside(ledger: Sums, provider: Sums, name: keyof Sums): string {
  const difference = provider[name] - ledger[name]
  if (difference === 0) return String(ledger[name])
  return `${ledger[name]} (${difference > 0 ? '+' : ''}${difference})`
}
