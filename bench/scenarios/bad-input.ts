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
    // These answers run code that no others do: how long the others wait is told of code that is compiled.
    const first = await suffer(target, STALLED)
    const stalled = await suffer(target, STALLED)
    const flood = await suffer(target, FLOOD)
    const silent = await suffer(target, SILENT)
    const most = Math.max(first.mostKb, stalled.mostKb)
    return {
      stalledP99Ms: stalled.othersP99Ms,
      floodP99Ms: flood.othersP99Ms,
      silentP99Ms: silent.othersP99Ms,
      ...(target.child !== undefined && {
        stalledMb: (most - first.beforeKb) / KB_PER_MB,
        floodMb: grownMb(flood),
        silentMb: grownMb(silent),
      }),
    }
  },
})

interface Suffered {
  readonly othersP99Ms: number
  /** Memory with the others' streams alone, and the most at any time. */
  readonly beforeKb: number
  readonly mostKb: number
}

const grownMb = ({ beforeKb, mostKb }: Suffered): number => (mostKb - beforeKb) / KB_PER_MB

async function suffer(target: Target, plan: LoadPlan): Promise<Suffered> {
  const others = target.startLoad({ mode: 'stream', conns: 200, events: ENDLESS, pace: 50 })
  await others.begun
  const beforeKb = target.memoryKb()
  const bad = target.startLoad({ ...plan, ms: LASTS_MS })
  let mostKb = beforeKb
  for (let result; result === undefined; mostKb = Math.max(mostKb, target.memoryKb())) {
    result = await Promise.race([bad.result, sleep(LOOK_EVERY_MS)])
  }
  demandNoError(await bad.result)
  const { added } = demandNoError(await others.stop())
  return { othersP99Ms: toMs(added.p99), beforeKb, mostKb }
}
