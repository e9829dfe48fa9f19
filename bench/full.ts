import type { Contender } from './contenders/contender.ts'
import { keystow, keystowWithProbe } from './contenders/keystow.ts'
import { nginx } from './contenders/nginx.ts'
import {
  alternate,
  alternateFresh,
  createMeasurement,
  type Lineup,
  type Measurement,
  startLineup,
} from './measure.ts'
import { STREAM_COUNTS } from './metrics.ts'
import type { Stage } from './rig/stage.ts'
import { badInput, badInputForLonger } from './scenarios/bad-input.ts'
import { heapAfterStreams, heldStreams } from './scenarios/held-streams.ts'
import {
  busyStreams,
  busyStreamsTls,
  jsonRequests,
  jsonRequestsTls,
  warmUp,
} from './scenarios/processor-time.ts'
import { twoWorkers } from './scenarios/workers.ts'
import {
  largeBodies,
  leavingClients,
  liveStreams,
  streamsTogether,
} from './scenarios/what-users-feel.ts'

/** At which all contenders are compared; the others only show how the cost of two of them grows. */
const COMPARED_STREAMS = 4000

interface FullOptions {
  readonly stage: Stage
  readonly contenders: readonly Contender[]
  /** How many rounds of what counts most; others have fewer. */
  readonly rounds: number
}

/** Everything, in some twenty-five minutes with five rounds. */
export async function measureFull(options: FullOptions): Promise<Measurement> {
  const measurement = createMeasurement()
  await measureSideBySide(measurement, options)
  if (options.stage.hasTls) await measureTls(measurement, options)
  await measureFresh(measurement, options)
  return measurement
}

async function measureSideBySide(measurement: Measurement, options: FullOptions): Promise<void> {
  const { stage, rounds } = options
  const started = await startAll(measurement, options, false)
  const all = { ...started, targets: [stage.direct(), ...started.targets] }
  const few = Math.ceil(rounds / 2)
  await alternate(measurement, jsonRequests(rounds), all)
  await alternate(measurement, busyStreams(rounds), all)
  await alternate(measurement, liveStreams(rounds), all)
  await alternate(measurement, streamsTogether(few), all)
  await alternate(measurement, leavingClients(few), all)
  await alternate(measurement, largeBodies(few), all)
  await stopAll(started)
}

async function measureTls(measurement: Measurement, options: FullOptions): Promise<void> {
  const few = Math.ceil(options.rounds / 2)
  const started = await startAll(measurement, options, true)
  await alternate(measurement, jsonRequestsTls(few), started)
  await alternate(measurement, busyStreamsTls(few), started)
  await stopAll(started)
}

/** What wants a process that has done nothing else. */
async function measureFresh(measurement: Measurement, options: FullOptions): Promise<void> {
  const { stage, contenders, rounds } = options
  const few = Math.ceil(rounds / 2)
  const fewest = Math.ceil(rounds / 3)
  await alternateFresh(measurement, heldStreams(COMPARED_STREAMS, fewest), { stage, contenders })
  await alternate(measurement, badInput(few), { targets: [stage.direct()] })
  await alternateFresh(measurement, badInput(few), { stage, contenders })

  const growing = contenders.filter(({ id }) => id === keystow.id || id === nginx.id)
  for (const count of STREAM_COUNTS) {
    if (count === COMPARED_STREAMS) continue
    // A process is some MB larger at one time than at another, which few streams share and many do not feel.
    const scenario = heldStreams(count, count < COMPARED_STREAMS ? fewest : 1)
    await alternateFresh(measurement, scenario, { stage, contenders: growing })
  }
  if (!contenders.includes(keystow)) return
  await measureKeystowAlone(measurement, options)
}

async function measureKeystowAlone(
  measurement: Measurement,
  { stage, rounds }: FullOptions,
): Promise<void> {
  await alternateFresh(measurement, badInputForLonger, { stage, contenders: [keystow] })
  const probed = { stage, contenders: [keystowWithProbe] }
  const lineup = await startLineup(measurement, probed, { hasChannel: true })
  await alternate(measurement, heapAfterStreams, lineup)
  await stopAll(lineup)
  await alternate(measurement, twoWorkers(stage, Math.ceil(rounds / 2)), lineup)
}

/** Starts all of them in front of one upstream, and makes them warm. */
export async function startAll(
  measurement: Measurement,
  options: Pick<FullOptions, 'stage' | 'contenders'>,
  isTls: boolean,
): Promise<Lineup> {
  const lineup = await startLineup(measurement, options, { isTls })
  await alternate(measurement, warmUp, lineup)
  return lineup
}

export async function stopAll({ targets }: Lineup): Promise<void> {
  await Promise.all(targets.map((target) => target.stop()))
}
