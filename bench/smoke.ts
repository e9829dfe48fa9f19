import { httpProxy } from './contenders/http-proxy.ts'
import { keystow } from './contenders/keystow.ts'
import { nginx } from './contenders/nginx.ts'
import { isInstalled } from './contenders/contenders.ts'
import { startAll, stopAll } from './full.ts'
import { alternate, createMeasurement, type Measurement, say } from './measure.ts'
import type { Stage } from './rig/stage.ts'
import { smokeLoads } from './scenarios/processor-time.ts'
import { judge, type RecordedRatios, type Verdict } from './verdict.ts'

const ROUNDS = 4
/** Once more before it is called slower: a neighbour's noise passes, a regression stays. */
const FURTHER_ROUNDS = 3

export interface Smoke extends Measurement {
  readonly verdict: Verdict
}

/** Keystow beside what is always there, and nginx where it is installed: has it become slower than it was? */
export async function runSmoke(stage: Stage, recorded: RecordedRatios): Promise<Smoke> {
  const measurement = createMeasurement()
  const contenders = [nginx, httpProxy, keystow].filter(isInstalled)
  const targets = await startAll(measurement, { stage, contenders }, false)
  await alternate(measurement, smokeLoads(ROUNDS), targets)
  let verdict = judge(measurement.figures.table, recorded)
  if (!verdict.isGood) {
    say('slower than recorded, or incomplete: looking again')
    await alternate(measurement, smokeLoads(FURTHER_ROUNDS), targets)
    verdict = judge(measurement.figures.table, recorded)
  }
  await stopAll(targets)
  return { ...measurement, verdict }
}
