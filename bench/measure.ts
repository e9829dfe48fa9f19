import type { Contender, ContenderId } from './contenders/contender.ts'
import { LABELS } from './contenders/contenders.ts'
import { createFigures, type Figures } from './figures.ts'
import type { Measured } from './metrics.ts'
import type { Stage, StartOptions, Target } from './rig/stage.ts'
import type { Scenario } from './scenarios/scenario.ts'

/** Something that a contender could not do; the run goes on, and its figures are void. */
export interface Failure {
  readonly id: ContenderId
  readonly scenario: string
  readonly message: string
}

export interface Measurement {
  readonly figures: Figures
  readonly failures: Failure[]
}

export const createMeasurement = (): Measurement => ({ figures: createFigures(), failures: [] })

/** Who is measured, and who would be if it had started. */
export interface Lineup {
  readonly targets: readonly Target[]
  readonly absent?: readonly ContenderId[]
}

const MS_PER_MINUTE = 60_000

export const say = (line: string): void => void process.stderr.write(`${line}\n`)

function sayRound({ name, rounds }: Scenario, round: number): void {
  const minutes = (performance.now() / MS_PER_MINUTE).toFixed(1).padStart(4)
  say(`${minutes} min  ${name}, round ${round + 1} of ${rounds}`)
}

/**
 * Runs the scenario once for each that is there, and so on for every round: what changes, changes for all. Who fails
 * has failed for the rounds that are left too: its figure is void already, and a process that may be broken is not to
 * hold up, or load, the machine of the others. The next scenario tries it again: what cannot do this may do that.
 */
export async function alternate(
  { figures, failures }: Measurement,
  scenario: Scenario,
  { targets, absent = [] }: Lineup,
): Promise<void> {
  const failed = new Set<ContenderId>(absent)
  for (let round = 0; round < scenario.rounds; round++) {
    sayRound(scenario, round)
    for (const target of rotate(targets, round)) {
      if (failed.has(target.id)) continue
      try {
        figures.add(target.id, await runOnce(scenario, target))
      } catch (error) {
        failed.add(target.id)
        failures.push(reportFailure(target.id, scenario.name, error))
      }
    }
    for (const id of failed) figures.fail(id, scenario.metrics)
  }
}

/** The same with processes that are started for each round, and stopped after it: none inherits what broke another. */
export async function alternateFresh(
  measurement: Measurement,
  scenario: Scenario,
  { stage, contenders }: { readonly stage: Stage; readonly contenders: readonly Contender[] },
): Promise<void> {
  const { figures } = measurement
  for (let round = 0; round < scenario.rounds; round++) {
    sayRound(scenario, round)
    for (const contender of rotate(contenders, round)) {
      const target = await startOrReport(measurement, stage, contender)
      if (target === undefined) {
        figures.fail(contender.id, ['startMs', ...scenario.metrics])
        continue
      }
      figures.add(target.id, { startMs: target.startMs })
      try {
        figures.add(target.id, await runOnce(scenario, target))
      } catch (error) {
        figures.fail(target.id, scenario.metrics)
        measurement.failures.push(reportFailure(target.id, scenario.name, error))
      }
      await target.stop()
    }
  }
}

export const describeFailure = ({ id, scenario, message }: Failure): string =>
  `${LABELS[id]}, ${scenario}: ${message}`

/** Starts each of them once. */
export async function startLineup(
  measurement: Measurement,
  { stage, contenders }: { readonly stage: Stage; readonly contenders: readonly Contender[] },
  options: StartOptions,
): Promise<Lineup> {
  const targets: Target[] = []
  const absent: ContenderId[] = []
  for (const contender of contenders) {
    const target = await startOrReport(measurement, stage, contender, options)
    if (target === undefined) absent.push(contender.id)
    else targets.push(target)
  }
  return { targets, absent }
}

/** A figure that is no number, because there was nothing to count, is none. */
async function runOnce(scenario: Scenario, target: Target): Promise<Measured> {
  const measured = await scenario.run(target)
  for (const [metric, value] of Object.entries(measured)) {
    if (!Number.isFinite(value)) throw new Error(`${metric} is ${value}`)
  }
  return measured
}

async function startOrReport(
  { failures }: Measurement,
  stage: Stage,
  contender: Contender,
  options: StartOptions = {},
): Promise<Target | undefined> {
  try {
    return await stage.start(contender, options)
  } catch (error) {
    failures.push(reportFailure(contender.id, 'start', error))
    return undefined
  }
}

function reportFailure(id: ContenderId, scenario: string, error: unknown): Failure {
  const message = error instanceof Error ? error.message : String(error)
  say(`  ${id}: ${message}`)
  return { id, scenario, message }
}

function rotate<T>(items: readonly T[], by: number): T[] {
  const at = by % Math.max(items.length, 1)
  return [...items.slice(at), ...items.slice(0, at)]
}
