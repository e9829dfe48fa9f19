import type { LoadPlan } from '../rig/load.ts'
import { demandNoError, type Target } from '../rig/stage.ts'
import { ENDLESS, type Scenario, sleep, toMs } from './scenario.ts'

const LASTS_MS = 2500
const LOOK_EVERY_MS = 500
const KB_PER_MB = 1000

/** Readers that take one event of an endless answer and then nothing more. */
const STALLED = { mode: 'stream', conns: 100, events: ENDLESS, pace: 0, stall: 1 } as const

/** Upstreams that send as fast as they are read, to clients that read as fast as they can. */
const FLOOD = { mode: 'stream', conns: 4, events: ENDLESS, pace: 0 } as const

/** Connections that send nothing. */
const SILENT = { mode: 'idle', conns: 10_000 } as const

/** What each does to the process's memory and to 200 streams beside it; wants a process that has done nothing else. */
export const badInput = (rounds: number): Scenario => ({
  name: 'stopped readers, floods, silent connections',
  rounds,
  async run(target) {
    const stalled = await suffer(target, STALLED)
    const flood = await suffer(target, FLOOD)
    const silent = await suffer(target, SILENT)
    return {
      stalledP99Ms: stalled.othersP99Ms,
      floodP99Ms: flood.othersP99Ms,
      silentP99Ms: silent.othersP99Ms,
      ...(target.child !== undefined && {
        stalledMb: stalled.grownMb,
        floodMb: flood.grownMb,
        silentMb: silent.grownMb,
      }),
    }
  },
})

interface Suffered {
  readonly othersP99Ms: number
  /** The most at any time, over what it was before. */
  readonly grownMb: number
}

async function suffer(target: Target, plan: LoadPlan): Promise<Suffered> {
  const others = target.startLoad({ mode: 'stream', conns: 200, events: ENDLESS, pace: 50 })
  await others.begun
  const before = target.memoryKb()
  const bad = target.startLoad({ ...plan, ms: LASTS_MS })
  let most = before
  for (let result; result === undefined; most = Math.max(most, target.memoryKb())) {
    result = await Promise.race([bad.result, sleep(LOOK_EVERY_MS)])
  }
  demandNoError(await bad.result)
  const { added } = demandNoError(await others.stop())
  return { othersP99Ms: toMs(added.p99), grownMb: (most - before) / KB_PER_MB }
}
