import { keystow } from '../contenders/keystow.ts'
import { threadTimesUs } from '../rig/process.ts'
import { demandNoError, type Stage } from '../rig/stage.ts'
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

/** For one as for two. The second has to share a core with upstream and load. */
const CORES = '0,1'

/**
 * How many times as many events two workers carry as one, by how long the busiest thread works while as many events
 * pass: its core is full first. By processor time, because two workers leave no core for the load to be fast on. Starts
 * its own processes.
 */
export const twoWorkers = (stage: Stage, rounds: number): Scenario => ({
  name: 'two workers',
  rounds,
  metrics: ['twoWorkersTimes'],
  async run() {
    const one = await busiestUs(stage, 1)
    return { twoWorkersTimes: one / (await busiestUs(stage, 2)) }
  },
})

/** What the busiest thread works for each event that passes through any of them. */
async function busiestUs(stage: Stage, workers: 1 | 2): Promise<number> {
  const target = await stage.start(keystow, { core: CORES, env: { WORKERS: String(workers) } })
  const pid = target.child?.pid ?? 0
  // Compiles what streams need.
  await target.load(LOAD)
  const load = target.startLoad(LOAD)
  await load.begun
  const before = threadTimesUs(pid)
  const { events } = demandNoError(await load.result)
  const used = [...threadTimesUs(pid)].map(([id, us]) => us - (before.get(id) ?? 0))
  await target.stop()
  return Math.max(...used) / events
}
