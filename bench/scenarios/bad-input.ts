import type { Measured } from '../metrics.ts'
import type { LoadPlan, LoadResult } from '../rig/load.ts'
import { demandNoError, type Target } from '../rig/stage.ts'
import { besideOthers } from './others.ts'
import { ENDLESS, type Scenario, sleep, toMs } from './scenario.ts'

const LASTS_MS = 2500
/** Enough to compile what only such answers need. */
const FIRST_MS = 1500
/** Enough to show whether memory goes on growing. */
const LONGER_MS = 15_000
const LOOK_EVERY_MS = 500
const KB_PER_MB = 1000
const BYTES_PER_MB = 1_000_000

/** Readers that take one event of an endless answer and then nothing more. */
const STALLED = { mode: 'stream', conns: 100, events: ENDLESS, pace: 0, stall: 1 } as const

/** Upstreams that send as fast as they are read, to clients that read as fast as they can. */
const FLOOD = { mode: 'stream', conns: 4, events: ENDLESS, pace: 0 } as const

/** Connections that send nothing. */
export const SILENT = { mode: 'idle', conns: 10_000 } as const

const KINDS = [
  ['stalled', STALLED],
  ['flood', FLOOD],
  ['silent', SILENT],
] as const

/** What each does to the process's memory and to 200 streams beside it; wants a process that has done nothing else. */
export const badInput = (rounds: number): Scenario => ({
  name: 'stopped readers, floods, silent connections',
  rounds,
  metrics: [
    'stalledP99Ms',
    'floodP99Ms',
    'floodMbPerSecond',
    'silentP99Ms',
    'stalledMb',
    'floodMb',
    'silentMb',
  ],
  async run(target) {
    // These answers run code that no others do: how long the others wait is told of code that is compiled.
    const first = await suffer(target, STALLED, FIRST_MS)
    const stalled = await suffer(target, STALLED)
    const flood = await suffer(target, FLOOD)
    const silent = await suffer(target, SILENT)
    const most = Math.max(...first.seenKb, ...stalled.seenKb)
    return {
      stalledP99Ms: stalled.othersP99Ms,
      floodP99Ms: flood.othersP99Ms,
      floodMbPerSecond: flood.mbPerSecond,
      silentP99Ms: silent.othersP99Ms,
      ...(target.child !== undefined && {
        stalledMb: toMb(most - first.beforeKb),
        floodMb: grownMb(flood, flood.seenKb),
        silentMb: grownMb(silent, silent.seenKb),
      }),
    }
  },
})

/** Memory of the same in the first half of a longer time, and in the second: what is bounded grows no more. */
export const badInputForLonger: Scenario = {
  name: `stopped readers, floods, silent connections for ${LONGER_MS / 1000} s each`,
  rounds: 1,
  metrics: KINDS.flatMap(([name]) => [`${name}EarlyMb` as const, `${name}LateMb` as const]),
  async run(target) {
    const measured: Measured = {}
    for (const [name, plan] of KINDS) {
      const suffered = await suffer(target, plan, LONGER_MS)
      const half = Math.ceil((suffered.openAt + suffered.seenKb.length) / 2)
      measured[`${name}EarlyMb`] = grownMb(suffered, suffered.seenKb.slice(0, half))
      measured[`${name}LateMb`] = grownMb(suffered, suffered.seenKb.slice(half))
    }
    return measured
  },
}

interface Suffered {
  readonly othersP99Ms: number
  /** What it took of the answers itself. */
  readonly mbPerSecond: number
  /** Memory with the others' streams alone, and looked at every half second from then on. */
  readonly beforeKb: number
  readonly seenKb: readonly number[]
  /** From which look on all of it was there: 10,000 connections take their time. */
  readonly openAt: number
}

const toMb = (kb: number): number => kb / KB_PER_MB

/** The most of these over what it was before. */
const grownMb = ({ beforeKb }: Suffered, seenKb: readonly number[]): number =>
  toMb(Math.max(...seenKb) - beforeKb)

/** Who closes the connections of the bad lets nobody suffer from them. */
function demandAllHeld(result: LoadResult, conns: number): LoadResult {
  const { alive, closedByPeer } = demandNoError(result)
  if (alive === conns && closedByPeer === 0) return result
  throw new Error(`${conns - alive} of ${conns} connections did not stay`)
}

async function suffer(target: Target, plan: LoadPlan, lastsMs = LASTS_MS): Promise<Suffered> {
  const { done, added } = await besideOthers(target, async () => {
    const beforeKb = target.memoryKb()
    const bad = target.startLoad({ ...plan, ms: lastsMs })
    const seenKb: number[] = [beforeKb]
    let openAt = 0
    void bad.begun.then(() => (openAt = seenKb.length))
    for (let result; result === undefined; seenKb.push(target.memoryKb())) {
      result = await Promise.race([bad.result, sleep(LOOK_EVERY_MS)])
    }
    return { result: await bad.result, beforeKb, seenKb, openAt }
  })
  const { result, ...seen } = done
  const { bytes, seconds } = demandAllHeld(result, plan.conns)
  const mbPerSecond = bytes / seconds / BYTES_PER_MB
  return { othersP99Ms: toMs(added.p99), mbPerSecond, ...seen }
}
