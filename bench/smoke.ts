import { httpProxy } from './contenders/http-proxy.ts'
import { keystow } from './contenders/keystow.ts'
import { nginx } from './contenders/nginx.ts'
import { isInstalled } from './contenders/contenders.ts'
import { startAll, stopAll } from './full.ts'
import {
  alternate,
  createMeasurement,
  describeFailure,
  type Lineup,
  type Measurement,
  say,
} from './measure.ts'
import type { Stage } from './rig/stage.ts'
import { smokeLoads } from './scenarios/processor-time.ts'
import { liveStreams } from './scenarios/what-users-feel.ts'
import { judge, type RecordedRatios } from './verdict.ts'

const ROUNDS = 4
/** Once more before it is called slower: a neighbour's noise passes, a regression stays. */
const FURTHER_ROUNDS = 2
/**
 * What a user feels is shown beside it, and how long it takes is not judged: a busy machine decides that more than a
 * proxy. That every stream is whole is.
 */
const FELT_ROUNDS = 1

export interface Smoke extends Measurement {
  /** What Keystow could not do, and in what it has become slower; a line each. */
  readonly failed: readonly string[]
  readonly slower: readonly string[]
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
  const lineup = await startAll(measurement, { stage, contenders }, false)
  const options = { measurement, lineup, recorded }
  let slower = await look(options, ROUNDS)
  // What Keystow could not do stays so, however often it can do it afterwards.
  if (slower.length > 0 && failuresOfKeystow(measurement).length === 0) {
    say(`looking again, because of\n  ${slower.join('\n  ')}`)
    slower = await look(options, FURTHER_ROUNDS)
  }
  if (slower.length === 0 || isWritten) {
    const all = { ...lineup, targets: [stage.direct(), ...lineup.targets] }
    await alternate(measurement, liveStreams(FELT_ROUNDS), all)
  }
  await stopAll(lineup)
  return { ...measurement, failed: failuresOfKeystow(measurement), slower, missing }
}

interface LookOptions {
  readonly measurement: Measurement
  readonly lineup: Lineup
  readonly recorded: RecordedRatios
}

/** Adds rounds to those before, and judges all of them. */
async function look(
  { measurement, lineup, recorded }: LookOptions,
  rounds: number,
): Promise<string[]> {
  await alternate(measurement, smokeLoads(rounds), lineup)
  return judge(measurement.figures.table, recorded)
}

/** From its start to its last stream; a rival's are no complaint about Keystow. */
const failuresOfKeystow = ({ failures }: Measurement): string[] =>
  failures.filter(({ id }) => id === keystow.id).map(describeFailure)
