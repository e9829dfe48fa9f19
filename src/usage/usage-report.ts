import type { UsageRow } from '../stores/ledger-store.ts'
import { addSums } from './charges.ts'
import type { Currency } from './ledger-entry.ts'

export const GROUPS = ['client', 'model', 'day'] as const
export type Group = (typeof GROUPS)[number]

/** How `/admin/usage` writes a row beside what it is grouped by. */
const COLUMNS = {
  requests: (row) => row.requests,
  input_tokens: (row) => row.inputTokens,
  cached_tokens: (row) => row.cachedTokens,
  output_tokens: (row) => row.outputTokens,
  cost_micros: (row) => row.costMicros,
  currency: (row) => row.currency,
  estimated_requests: (row) => row.estimatedRequests,
} as const satisfies Record<string, (row: UsageRow) => string | number>

type ReportRow = Readonly<Record<string, string | number>>

/** Rows of one report: models and, with open access, clients are as many as anybody likes. */
const MAX_ROWS = 10_000
const OTHER = '(other)'

/**
 * One row each client, model or day and currency, in the order of their names. Past the bound, those that cost least
 * are added up.
 */
export function usageReport(
  rows: readonly UsageRow[],
  groupBy: Group,
  maxRows = MAX_ROWS,
): ReportRow[] {
  const sorted = boundRows(rows, maxRows).toSorted((a, b) =>
    a.key === b.key ? compare(a.currency, b.currency) : compare(a.key, b.key),
  )
  return sorted.map((row) => ({
    [groupBy]: row.key,
    ...Object.fromEntries(Object.entries(COLUMNS).map(([name, read]) => [name, read(row)])),
  }))
}

function boundRows(rows: readonly UsageRow[], maxRows: number): readonly UsageRow[] {
  if (rows.length <= maxRows) return rows
  const byCost = rows.toSorted((a, b) => b.costMicros - a.costMicros || b.requests - a.requests)
  const others = new Map<Currency, UsageRow>()
  for (const row of byCost.splice(maxRows)) {
    const sum = others.get(row.currency)
    const sums = sum === undefined ? row : addSums(sum, row)
    others.set(row.currency, { ...sums, key: OTHER, currency: row.currency })
  }
  return [...byCost, ...others.values()]
}

const compare = (a: string, b: string): number => (a < b ? -1 : Number(a > b))

/** As RFC 4180 has it, with a head line. */
export function toCsv(rows: readonly ReportRow[], groupBy: Group): string {
  const names = [groupBy, ...Object.keys(COLUMNS)]
  const lines = [names, ...rows.map((row) => names.map((name) => toCell(row[name])))]
  return lines.map((cells) => `${cells.join(',')}\r\n`).join('')
}

/**
 * Spreadsheets calculate what begins so, also behind a space or with a full-width sign, and a model's name is whatever
 * a client wrote.
 */
const FORMULA = /^[\s\p{C}]*[=+\-@＝＋－＠]|^[\t\r\n]/u

/** Where the comma is the decimal sign, spreadsheets part cells at semicolons; a tab parts them for others. */
const NEEDS_QUOTES = /[",;\t\r\n]/

function toCell(value: string | number | undefined): string {
  const text = typeof value === 'string' && FORMULA.test(value) ? `'${value}` : String(value ?? '')
  return NEEDS_QUOTES.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}
