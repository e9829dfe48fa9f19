import { LABELS } from '../contenders/contenders.ts'
import type { ContenderId } from '../contenders/contender.ts'
import { type FigureTable, type Spread, spreadOf } from '../figures.ts'
import type { Metric } from '../metrics.ts'

export interface Column {
  readonly title: string
  /** One, or two that stand together: p50 and p99. */
  readonly metrics: readonly Metric[]
  readonly digits: number
  /** Shows the least and the most beside the median. */
  readonly hasSpread?: boolean
}

const NONE = '–'

/** A Markdown table of what was measured: a row for each contender, and a column, that has a value at all. */
export function renderTable(
  table: FigureTable,
  ids: readonly ContenderId[],
  columns: readonly Column[],
): string {
  const isShown = ({ metrics }: Column): boolean =>
    ids.some((id) => metrics.some((metric) => spreadOf(table, id, metric) !== undefined))
  const shown = columns.filter(isShown)
  const rows = ids.flatMap((id) => {
    const cells = shown.map((column) => showCell(table, id, column))
    if (cells.every((cell) => cell === NONE)) return []
    return [`| ${id === 'keystow' ? `**${LABELS[id]}**` : LABELS[id]} | ${cells.join(' | ')} |`]
  })
  const head = `| | ${shown.map(({ title }) => title).join(' | ')} |`
  return [head, `|---|${'---:|'.repeat(shown.length)}`, ...rows].join('\n')
}

function showCell(table: FigureTable, id: ContenderId, column: Column): string {
  const spreads = column.metrics.map((metric) => spreadOf(table, id, metric))
  if (spreads.every((spread) => spread === undefined)) return NONE
  return spreads.map((spread) => (spread === undefined ? NONE : show(spread, column))).join(' / ')
}

function show({ min, median, max }: Spread, { digits, hasSpread = false }: Column): string {
  const text = (value: number): string => value.toFixed(digits)
  return hasSpread && min !== max ? `${text(median)} (${text(min)}–${text(max)})` : text(median)
}
