import type { ContenderId } from './contenders/contender.ts'
import { type Measured, METRICS, type Metric } from './metrics.ts'

/** Every value that was measured, one a round. */
export type FigureTable = Partial<Record<ContenderId, Partial<Record<Metric, number[]>>>>

export interface Spread {
  readonly min: number
  readonly median: number
  readonly max: number
  readonly rounds: number
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
  return spread(table[id]?.[metric] ?? [])
}

/** Of one value a round; undefined where there was none. */
export function spread(values: readonly number[]): Spread | undefined {
  if (values.length === 0) return undefined
  const [min, max] = [Math.min(...values), Math.max(...values)]
  return { min, median: median(values), max, rounds: values.length }
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = (sorted.length - 1) / 2
  const [low, high] = [sorted[Math.floor(middle)], sorted[Math.ceil(middle)]]
  return ((low ?? Number.NaN) + (high ?? Number.NaN)) / 2
}

/** The metric of two contenders, round by round: what slowed the machine down for a while slowed down both. */
export function pairRounds(
  table: FigureTable,
  metric: Metric,
  [id, other]: readonly [ContenderId, ContenderId],
): (readonly [value: number, other: number])[] {
  const [values = [], others = []] = [table[id]?.[metric], table[other]?.[metric]]
  return values.flatMap((value, round) => {
    const beside = others[round]
    return beside === undefined ? [] : [[value, beside] as const]
  })
}

/** How many times as much as the other, in each round. */
export const ratiosOf = (
  table: FigureTable,
  metric: Metric,
  pair: readonly [ContenderId, ContenderId],
): number[] => pairRounds(table, metric, pair).map(([value, other]) => value / other)

/** The same, in the middle of the rounds. */
export const ratioOf = (
  table: FigureTable,
  metric: Metric,
  pair: readonly [ContenderId, ContenderId],
): number | undefined => spread(ratiosOf(table, metric, pair))?.median

/** Four digits say all that a measurement does, and keep the file small. */
const round = (value: number): number => Number(value.toPrecision(4))
