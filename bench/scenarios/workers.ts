import { keystow } from '../contenders/keystow.ts'
import type { LoadPlan } from '../rig/load.ts'
import { threadTimesUs } from '../rig/process.ts'
import { demandNoError, type Stage, type Target } from '../rig/stage.ts'
import { ENDLESS, type Scenario } from './scenario.ts'

/** Paced, so that a worker's part is what it was given, and not what the other left over. */
const STREAM_LOAD = {
  mode: 'stream',
  conns: 600,
  events: ENDLESS,
  pace: 50,
  wait: 800,
  warm: 1300,
  ms: 3000,
} as const

/** As many as are answered: there is no pace for them. */
const JSON_LOAD = { mode: 'json', conns: 32, warm: 1000, ms: 2000 } as const
/** Each of two workers compiles for itself, from half as many. */
const JSON_WARM = { mode: 'json', conns: 32, ms: 8000 } as const

/** For one as for two. The second has to share a core with upstream and load. */
const CORES = '0,1'

/**
 * How many times as much two workers carry as one, by how long the busiest thread works for as much: its core is full
 * first. By processor time, because two workers leave no core for the load to be fast on. And how many times as much all
 * threads together work for it: what one worker does beside serving, with two a thread does that serves nobody and is not
 * the busiest. Starts its own processes.
 */
export const twoWorkers = (stage: Stage, rounds: number): Scenario => ({
  name: 'two workers',
  rounds,
  metrics: [
    'twoWorkersTimes',
    'twoWorkersCpuTimes',
    'twoWorkersJsonTimes',
    'twoWorkersJsonCpuTimes',
  ],
  async run() {
    const one = await measureWorkers(stage, 1)
    const two = await measureWorkers(stage, 2)
    return {
      twoWorkersTimes: one.event.busiestUs / two.event.busiestUs,
      twoWorkersCpuTimes: two.event.wholeUs / one.event.wholeUs,
      twoWorkersJsonTimes: one.json.busiestUs / two.json.busiestUs,
      twoWorkersJsonCpuTimes: two.json.wholeUs / one.json.wholeUs,
    }
  },
})

/** Of an event or a request that passes through any of the threads. */
interface Work {
  readonly busiestUs: number
  readonly wholeUs: number
}

async function measureWorkers(
  stage: Stage,
  workers: 1 | 2,
): Promise<{ readonly event: Work; readonly json: Work }> {
  const target = await stage.start(keystow, { core: CORES, env: { WORKERS: String(workers) } })
  try {
    // Compiles what streams need.
    await target.load(STREAM_LOAD)
    const event = await measureWork(target, STREAM_LOAD)
    await target.load(JSON_WARM)
    return { event, json: await measureWork(target, JSON_LOAD) }
  } finally {
    await target.stop()
  }
}

async function measureWork(target: Target, plan: LoadPlan): Promise<Work> {
  const pid = target.child?.pid ?? 0
  const load = target.startLoad(plan)
  await load.begun
  const before = threadTimesUs(pid)
  const { events, answers, cpuUs } = demandNoError(await load.result)
  const used = [...threadTimesUs(pid)].map(([id, us]) => us - (before.get(id) ?? 0))
  const units = plan.mode === 'json' ? answers : events
  return { busiestUs: Math.max(...used) / units, wholeUs: cpuUs / units }
}
