import type { ContenderId } from './contenders/contender.ts'
import { type Measured, METRICS, type Metric } from './metrics.ts'

/** What was measured in a round; null where that failed, so that the rounds behind it keep their place. */
export type Round = number | null

/** Every round of every figure. */
export type FigureTable = Partial<Record<ContenderId, Partial<Record<Metric, Round[]>>>>

export interface Spread {
  readonly min: number
  readonly median: number
  readonly max: number
  readonly rounds: number
}

/** Of a figure that has a failed round: what the others were says nothing then. */
export const FAILED = 'failed'

export type Figure = Spread | typeof FAILED

export interface Figures {
  readonly table: FigureTable
  add(id: ContenderId, measured: Measured): void
  /** A round of each that could not be measured. */
  fail(id: ContenderId, metrics: readonly Metric[]): void
}

export function createFigures(table: FigureTable = {}): Figures {
  const push = (id: ContenderId, metric: Metric, value: Round): void =>
    void ((table[id] ??= {})[metric] ??= []).push(value)
  return {
    table,
    add(id, measured) {
      for (const metric of METRICS) {
        const value = measured[metric]
        if (value !== undefined) push(id, metric, round(value))
      }
    },
    fail(id, metrics) {
      for (const metric of metrics) push(id, metric, null)
    },
  }
}

export function spreadOf(table: FigureTable, id: ContenderId, metric: Metric): Figure | undefined {
  return spread(table[id]?.[metric] ?? [])
}

/** Of all rounds; undefined where there was none. */
export function spread(rounds: readonly Round[]): Figure | undefined {
  if (rounds.length === 0) return undefined
  const values = rounds.filter((value) => value !== null)
  if (values.length < rounds.length) return FAILED
  const [min, max] = [Math.min(...values), Math.max(...values)]
  return { min, median: median(values), max, rounds: values.length }
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = (sorted.length - 1) / 2
  const [low, high] = [sorted[Math.floor(middle)], sorted[Math.ceil(middle)]]
  return ((low ?? Number.NaN) + (high ?? Number.NaN)) / 2
}

/**
 * The metric of two contenders, of each round in which both were measured: what slowed the machine down for a while
 * slowed down both.
 */
export function pairRounds(
  table: FigureTable,
  metric: Metric,
  [id, other]: readonly [ContenderId, ContenderId],
): (readonly [value: number, other: number])[] {
  const [values = [], others = []] = [table[id]?.[metric], table[other]?.[metric]]
  return values.flatMap((value, round) => {
    const beside = others[round] ?? null
    return value === null || beside === null ? [] : [[value, beside] as const]
  })
}

/**
 * What it is beside the other in each round. One that failed itself has failed here too; where only the other did,
 * there is nothing to be beside.
 */
export function compareRounds(
  table: FigureTable,
  metric: Metric,
  pair: readonly [ContenderId, ContenderId],
  compare: (value: number, other: number) => number,
): Round[] {
  const [own, other] = pair.map((id) => spreadOf(table, id, metric))
  if (own === FAILED) return [null]
  if (other === FAILED) return []
  return pairRounds(table, metric, pair).map(([value, beside]) => compare(value, beside))
}

const divide = (value: number, other: number): number => value / other

/** How many times as much as the other, in each round. */
export const ratiosOf = (
  table: FigureTable,
  metric: Metric,
  pair: readonly [ContenderId, ContenderId],
): Round[] => compareRounds(table, metric, pair, divide)

/** The same in the middle of the rounds in which both were measured, however many have failed. */
export function middleRatioOf(
  table: FigureTable,
  metric: Metric,
  pair: readonly [ContenderId, ContenderId],
): number | undefined {
  const pairs = pairRounds(table, metric, pair)
  return pairs.length === 0 ? undefined : median(pairs.map((both) => divide(...both)))
}

/** Four digits say all that a measurement does, and keep the file small. */
const round = (value: number): number => Number(value.toPrecision(4))
