import { LABELS } from '../contenders/contenders.ts'
import type { ContenderId } from '../contenders/contender.ts'
import { FAILED, type Figure, type FigureTable, spreadOf } from '../figures.ts'
import type { Metric } from '../metrics.ts'

export interface Column {
  readonly title: string
  /** One, or two that stand together: p50 and p99. */
  readonly metrics: readonly Metric[]
  readonly digits: number
}

/** Was not measured. */
export const NONE = '–'

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

function showCell(table: FigureTable, id: ContenderId, { metrics, digits }: Column): string {
  const spreads = metrics.map((metric) => spreadOf(table, id, metric))
  const [first] = spreads
  if ((first === undefined || first === FAILED) && spreads.every((spread) => spread === first)) {
    return showSpread(first, digits)
  }
  return spreads.map((spread) => showSpread(spread, digits)).join(' / ')
}

/** The median, and behind it the least and the most. What has none was measured once. */
export function showSpread(spread: Figure | undefined, digits: number): string {
  if (spread === undefined) return NONE
  if (spread === FAILED) return FAILED
  const { min, median, max, rounds } = spread
  const [least, middle, most] = [min, median, max].map((value) => showNumber(value, digits))
  return rounds === 1 ? `${middle}` : `${middle} (${least}–${most})`
}

/** Next to the dash of a spread a minus is one. Less than nothing by less than is shown is nothing. */
const showNumber = (value: number, digits: number): string =>
  (Number(value.toFixed(digits)) || 0).toFixed(digits).replace('-', '−')
