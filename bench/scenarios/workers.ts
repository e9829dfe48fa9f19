import { settingsShape } from '../../src/config/settings.ts'
import { keystow } from '../contenders/keystow.ts'
import { threadTimesUs } from '../rig/process.ts'
import type { Stage } from '../rig/stage.ts'
import { ENDLESS, type Scenario } from './scenario.ts'

/** Paced, so that a worker's part is what it was given, and not what the other left over. */
const LOAD = {
  mode: 'stream',
  conns: 600,
  events: ENDLESS,
  pace: 50,
  wait: 800,
  warm: 1300,
  ms: 3000,
} as const

/** One and two alike: what an event costs depends on whether its upstream runs on the same core. */
const CORES = '0,1'

/** Whether this Keystow can be told how many processes it is to have. */
export const hasWorkers = 'workers' in settingsShape

/**
 * How many times as many events two workers carry as one. What ends first is the busiest thread's core: so it is by
 * what an event costs that thread. By processor time, because two workers leave no core for the load to be fast on.
 * Starts its own processes.
 */
export const twoWorkers = (stage: Stage, rounds: number): Scenario => ({
  name: 'two workers',
  rounds,
  async run() {
    const one = await busiestUsAnEvent(stage, 1)
    return { twoWorkersTimes: one / (await busiestUsAnEvent(stage, 2)) }
  },
})

async function busiestUsAnEvent(stage: Stage, workers: 1 | 2): Promise<number> {
  const target = await stage.start(keystow, { core: CORES, env: { WORKERS: String(workers) } })
  const pid = target.child?.pid ?? 0
  // Compiles what streams need.
  await target.load(LOAD)
  const load = target.startLoad(LOAD)
  await load.begun
  const before = threadTimesUs(pid)
  const { events } = await load.result
  const used = [...threadTimesUs(pid)].map(([id, us]) => us - (before.get(id) ?? 0))
  await target.stop()
  return Math.max(...used) / events
}
