import { once } from 'node:events'

import type { Measured, StreamCount } from '../metrics.ts'
import { demandNoError, type Target } from '../rig/stage.ts'
import { ENDLESS, type Scenario, sleep } from './scenario.ts'

/** The same for every number of streams, so that only their number changes. */
const EVENTS_A_SECOND = 8000
const HELD_MS = 2000
const MS_PER_SECOND = 1000
/** Until every connection that ended is closed on both sides. */
const SETTLES_MS = 5000
const BYTES_PER_MB = 1_000_000
const KB_PER_MB = 1000

/** Enough events to have their code compiled. */
const WARM_STREAMS = {
  mode: 'stream',
  conns: 200,
  events: ENDLESS,
  pace: 20,
  wait: 300,
  warm: 300,
  ms: 1200,
} as const
const RESTS_MS = 500

/** Memory and processor time of so many streams that stand open; wants a process that has done nothing else. */
export const heldStreams = (count: StreamCount, rounds: number): Scenario => ({
  name: `${count} streams held`,
  rounds,
  metrics: ['warmMb', `heldCpuUs${count}`, `heldKb${count}`],
  async run(target) {
    await warmUpBriefly(target)
    const before = target.memoryKb()
    const held = await hold(target, count)
    const measured: Measured = {
      warmMb: before / KB_PER_MB,
      [`heldCpuUs${count}`]: held.cpuUs,
      [`heldKb${count}`]: (held.memoryKb - before) / count,
    }
    return measured
  },
})

/** What the first requests and streams make a process take once is no stream's: tens of MB, which few would share. */
async function warmUpBriefly(target: Target): Promise<void> {
  await target.load({ mode: 'json', conns: 16, ms: 500 })
  await target.load(WARM_STREAMS)
  await sleep(RESTS_MS)
}

interface Held {
  readonly cpuUs: number
  readonly memoryKb: number
}

async function hold(target: Target, count: number): Promise<Held> {
  const load = target.startLoad({
    mode: 'stream',
    conns: count,
    events: ENDLESS,
    pace: (count * MS_PER_SECOND) / EVENTS_A_SECOND,
    // Nothing is sent while they are opened.
    wait: 1500,
    warm: 2000,
    ms: HELD_MS,
  })
  await load.begun
  await sleep(HELD_MS / 2)
  const memoryKb = target.memoryKb()
  const { alive, cpuUs, events } = demandNoError(await load.result)
  if (alive < count) throw new Error(`${count - alive} of ${count} streams did not stay`)
  return { cpuUs: cpuUs / events, memoryKb }
}

/** How much larger the heap is after 8,000 streams than before; wants a process with rig/probe.ts. */
export const heapAfterStreams: Scenario = {
  name: 'the heap after 8000 streams',
  rounds: 1,
  metrics: ['heapBackMb'],
  async run(target) {
    await warmUpBriefly(target)
    const before = await readHeap(target)
    await hold(target, 8000)
    await sleep(SETTLES_MS)
    return { heapBackMb: ((await readHeap(target)) - before) / BYTES_PER_MB }
  },
}

async function readHeap({ child }: Target): Promise<number> {
  if (child === undefined) throw new Error('nothing to ask')
  child.send('heap')
  const [answer]: { heapUsed: number; external: number }[] = await once(child, 'message')
  if (answer === undefined) throw new Error('no answer')
  return answer.heapUsed + answer.external
}
