import type { ContenderId } from './contenders/contender.ts'
import { type Measured, METRICS, type Metric } from './metrics.ts'

/** Every value that was measured, one a round. */
export type FigureTable = Partial<Record<ContenderId, Partial<Record<Metric, number[]>>>>

export interface Spread {
  readonly min: number
  readonly median: number
  readonly max: number
}

export interface Figures {
  readonly table: FigureTable
  add(id: ContenderId, measured: Measured): void
}

export function createFigures(table: FigureTable = {}): Figures {
  return {
    table,
    add(id, measured) {
      const row = (table[id] ??= {})
      for (const metric of METRICS) {
        const value = measured[metric]
        if (value !== undefined) (row[metric] ??= []).push(round(value))
      }
    },
  }
}

export function spreadOf(table: FigureTable, id: ContenderId, metric: Metric): Spread | undefined {
  const values = table[id]?.[metric]?.toSorted((a, b) => a - b)
  const [min, max] = [values?.at(0), values?.at(-1)]
  if (values === undefined || min === undefined || max === undefined) return undefined
  return { min, median: median(values), max }
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = (sorted.length - 1) / 2
  const [low, high] = [sorted[Math.floor(middle)], sorted[Math.ceil(middle)]]
  return ((low ?? Number.NaN) + (high ?? Number.NaN)) / 2
}

/**
 * How many times as much as the other: round by round, so that what slowed the machine down for a while slowed
 * down both, and the median of that.
 */
export function ratioOf(
  table: FigureTable,
  metric: Metric,
  [id, other]: readonly [ContenderId, ContenderId],
): number | undefined {
  const [values = [], others = []] = [table[id]?.[metric], table[other]?.[metric]]
  const rounds = Math.min(values.length, others.length)
  if (rounds === 0) return undefined
  return median(values.slice(0, rounds).map((value, i) => value / (others[i] ?? Number.NaN)))
}

/** Four digits say all that a measurement does, and keep the file small. */
const round = (value: number): number => Number(value.toPrecision(4))
