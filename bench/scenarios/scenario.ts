import type { Measured, Metric } from '../metrics.ts'
import type { Target } from '../rig/stage.ts'

/** One thing to measure, of one contender, once. */
export interface Scenario {
  /** For the line that says where the run is. */
  readonly name: string
  readonly rounds: number
  /** What it yields of a proxy; the upstream by itself has no process to measure. */
  readonly metrics: readonly Metric[]
  run(target: Target): Promise<Measured>
}

const US_PER_MS = 1000

export const toMs = (us: number | undefined): number => (us ?? Number.NaN) / US_PER_MS

export const sleep = (ms: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, ms))

/** More events than any run lasts. */
export const ENDLESS = 1_000_000_000
