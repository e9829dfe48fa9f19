import { settingsShape } from '../../src/config/settings.ts'
import { keystow } from '../contenders/keystow.ts'
import { cpuUs } from '../rig/process.ts'
import type { Stage } from '../rig/stage.ts'
import { ENDLESS, type Scenario } from './scenario.ts'

/** Paced, so that a worker's part is what it was given, and not what the other left over. */
const LOAD = {
  mode: 'stream',
  conns: 400,
  events: ENDLESS,
  pace: 50,
  wait: 500,
  warm: 1000,
  ms: 3000,
} as const

/** Whether this Keystow can be told how many processes it is to have. */
export const hasWorkers = 'workers' in settingsShape

/**
 * How many times as many events two workers carry as one: what one event costs each of them, and how evenly they
 * share. By processor time, because two workers leave no core for the load to be fast on. Starts its own processes.
 */
export const twoWorkers = (stage: Stage): Scenario => ({
  name: 'two workers',
  rounds: 1,
  async run() {
    const one = await measureWorkers(stage, 1)
    const two = await measureWorkers(stage, 2)
    return { twoWorkersTimes: one.cpuPerEvent / two.cpuPerEvent / two.busiestShare }
  },
})

interface Workers {
  readonly cpuPerEvent: number
  /** What the busiest process did of all. */
  readonly busiestShare: number
}

async function measureWorkers(stage: Stage, workers: 1 | 2): Promise<Workers> {
  const core = workers === 1 ? 0 : '0,1'
  const target = await stage.start(keystow, { core, env: { WORKERS: String(workers) } })
  // Compiles what streams need.
  await target.load(LOAD)
  const load = target.startLoad(LOAD)
  await load.begun
  const before = target.pids().map((pid) => [pid, cpuUs(pid)] as const)
  const result = await load.result
  const used = before.map(([pid, us]) => cpuUs(pid) - us)
  await target.stop()
  const sum = used.reduce((all, us) => all + us, 0)
  return { cpuPerEvent: result.cpuUs / result.events, busiestShare: Math.max(...used) / sum }
}
