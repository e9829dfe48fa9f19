import type { Contender, ContenderId } from './contenders/contender.ts'
import { LABELS } from './contenders/contenders.ts'
import { createFigures, type Figures } from './figures.ts'
import type { Stage, StartOptions, Target } from './rig/stage.ts'
import type { Scenario } from './scenarios/scenario.ts'

/** Something that a contender could not do; the run goes on without it. */
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

const MS_PER_MINUTE = 60_000

export const say = (line: string): void => void process.stderr.write(`${line}\n`)

function sayRound({ name, rounds }: Scenario, round: number): void {
  const minutes = (performance.now() / MS_PER_MINUTE).toFixed(1).padStart(4)
  say(`${minutes} min  ${name}, round ${round + 1} of ${rounds}`)
}

/** Runs the scenario once for each that is there, and so on for every round: what changes, changes for all. */
export async function alternate(
  { figures, failures }: Measurement,
  scenario: Scenario,
  targets: readonly Target[],
): Promise<void> {
  const failed = new Set<ContenderId>()
  for (let round = 0; round < scenario.rounds; round++) {
    sayRound(scenario, round)
    for (const target of rotate(targets, round)) {
      if (failed.has(target.id)) continue
      try {
        figures.add(target.id, await scenario.run(target))
      } catch (error) {
        failed.add(target.id)
        failures.push(reportFailure(target.id, scenario.name, error))
      }
    }
  }
}

/** The same with processes that are started for each round, and stopped after it. */
export async function alternateFresh(
  measurement: Measurement,
  scenario: Scenario,
  { stage, contenders }: { readonly stage: Stage; readonly contenders: readonly Contender[] },
): Promise<void> {
  for (let round = 0; round < scenario.rounds; round++) {
    sayRound(scenario, round)
    for (const contender of rotate(contenders, round)) {
      const target = await startOrReport(measurement, stage, contender)
      if (target === undefined) continue
      measurement.figures.add(target.id, { startMs: target.startMs })
      try {
        measurement.figures.add(target.id, await scenario.run(target))
      } catch (error) {
        measurement.failures.push(reportFailure(target.id, scenario.name, error))
      }
      await target.stop()
    }
  }
}

export const describeFailure = ({ id, scenario, message }: Failure): string =>
  `${LABELS[id]}, ${scenario}: ${message}`

export async function startOrReport(
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
