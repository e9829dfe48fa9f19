import { httpProxy } from './contenders/http-proxy.ts'
import { keystow } from './contenders/keystow.ts'
import { nginx } from './contenders/nginx.ts'
import { isInstalled } from './contenders/contenders.ts'
import { startAll, stopAll } from './full.ts'
import { alternate, createMeasurement, describeFailure, type Measurement, say } from './measure.ts'
import type { Stage, Target } from './rig/stage.ts'
import { smokeLoads } from './scenarios/processor-time.ts'
import { liveStreams } from './scenarios/what-users-feel.ts'
import { judge, type RecordedRatios } from './verdict.ts'

const ROUNDS = 4
/** Once more before it is called slower: a neighbour's noise passes, a regression stays. */
const FURTHER_ROUNDS = 2
/** What a user feels is shown beside it, and not judged: a busy machine decides it more than a proxy. */
const FELT_ROUNDS = 1

export interface Smoke extends Measurement {
  /** What is wrong, a line each. */
  readonly complaints: readonly string[]
  /** Who could be compared, and is not there. */
  readonly missing: readonly string[]
}

interface SmokeOptions {
  readonly recorded: RecordedRatios
  /** What is felt is measured also where something is wrong: a table is to have it. */
  readonly isWritten: boolean
}

/** Keystow beside what is always there, and nginx where it is installed: has it become slower than it was? */
export async function runSmoke(
  stage: Stage,
  { recorded, isWritten }: SmokeOptions,
): Promise<Smoke> {
  const measurement = createMeasurement()
  const wanted = [nginx, httpProxy, keystow]
  const contenders = wanted.filter(isInstalled)
  const missing = wanted.filter((contender) => !isInstalled(contender)).map(({ label }) => label)
  const targets = await startAll(measurement, { stage, contenders }, false)
  let complaints = await look(measurement, targets, { rounds: ROUNDS, recorded })
  if (complaints.length > 0) {
    say(`looking again, because of\n  ${complaints.join('\n  ')}`)
    complaints = await look(measurement, targets, { rounds: FURTHER_ROUNDS, recorded })
  }
  if (complaints.length === 0 || isWritten) {
    await alternate(measurement, liveStreams(FELT_ROUNDS), [stage.direct(), ...targets])
  }
  await stopAll(targets)
  return { ...measurement, complaints, missing }
}

interface LookOptions {
  readonly rounds: number
  readonly recorded: RecordedRatios
}

/** Adds rounds to those before, and judges all of them; what could not be measured counts only if it was now. */
async function look(
  { figures, failures }: Measurement,
  targets: readonly Target[],
  { rounds, recorded }: LookOptions,
): Promise<string[]> {
  const now: Measurement = { figures, failures: [] }
  await alternate(now, smokeLoads(rounds), targets)
  failures.push(...now.failures)
  const failed = now.failures.filter(({ id }) => id === keystow.id)
  return [...failed.map(describeFailure), ...judge(figures.table, recorded)]
}
