import type { LoadResult } from '../rig/load.ts'
import { demandNoError, type Target } from '../rig/stage.ts'
import { besideOthers } from './others.ts'
import { ENDLESS, type Scenario, sleep, toMs } from './scenario.ts'

/**
 * Chats as they come and go: each of 200 places reads a stream of 20 events, 50 ms apart, and begins another every 1.2 s,
 * 6 ms after its neighbour. All of them would soon begin together if each waited for its own stream's end.
 */
const LIVE = {
  mode: 'stream',
  conns: 200,
  events: 20,
  pace: 50,
  again: 1200,
  spread: 1200,
  warm: 2400,
  ms: 2400,
} as const

export const liveStreams = (rounds: number): Scenario => ({
  name: '200 streams that come and go',
  rounds,
  metrics: ['addedP50Ms', 'addedP99Ms', 'firstP50Ms', 'firstP99Ms', 'gapP99Ms'],
  async run(target) {
    const { added, first, gap } = await target.load(LIVE)
    return {
      addedP50Ms: toMs(added.p50),
      addedP99Ms: toMs(added.p99),
      firstP50Ms: toMs(first.p50),
      firstP99Ms: toMs(first.p99),
      gapP99Ms: toMs(gap.p99),
    }
  },
})

/** Two times, each whole. */
const TOGETHER = { spread: 0, warm: 1100, ms: 2400 } as const

/** The same, all at the same moment: a page of many chats, or a machine that was away. */
export const streamsTogether = (rounds: number): Scenario => ({
  name: '200 streams that begin together',
  rounds,
  metrics: ['togetherFirstP50Ms', 'togetherFirstP99Ms'],
  async run(target) {
    const { first } = await target.load({ ...LIVE, ...TOGETHER })
    return { togetherFirstP50Ms: toMs(first.p50), togetherFirstP99Ms: toMs(first.p99) }
  },
})

const STREAMS_BEFORE_LEAVING = 700
/** One each 5 ms: at the end 500 are left. */
const LEAVING_MS = 1000
const NS_PER_MS = 1_000_000
const LOOK_EVERY_MS = 100
const GIVE_UP_AFTER_LOOKS = 30

/** Every run has ids of its own: what the upstream saw of an earlier one is not taken for this one's. */
let nextLeaveId = 100_000

/** From a client's closing its connection to the upstream's seeing that. */
export const leavingClients = (rounds: number): Scenario => ({
  name: '200 of 700 clients leave',
  rounds,
  metrics: ['leaveP50Ms', 'leaveP99Ms'],
  async run(target) {
    const leave = (nextLeaveId += STREAMS_BEFORE_LEAVING)
    const { left } = await target.load({
      mode: 'stream',
      conns: STREAMS_BEFORE_LEAVING,
      events: ENDLESS,
      pace: 50,
      leave,
      ms: LEAVING_MS,
    })
    const delays = await readDelays(target, left)
    const sorted = delays.toSorted((a, b) => a - b)
    const at = (share: number): number =>
      (sorted[Math.floor(sorted.length * share)] ?? Number.NaN) / NS_PER_MS
    return { leaveP50Ms: at(0.5), leaveP99Ms: at(0.99) }
  },
})

async function readDelays({ upstream }: Target, left: LoadResult['left']): Promise<number[]> {
  const delays = new Map<number, number>()
  for (let look = 0; look < GIVE_UP_AFTER_LOOKS; look++) {
    await sleep(LOOK_EVERY_MS)
    for (const [id, leftAt] of left) {
      const seenAt = upstream.takeLeft(id)
      if (seenAt !== undefined) delays.set(id, seenAt - leftAt)
    }
    if (delays.size === left.length) return [...delays.values()]
  }
  throw new Error(
    `${left.length - delays.size} of ${left.length} leaves did not reach the upstream`,
  )
}

const LARGE_BODY_BYTES = 20_000_000
const US_PER_SECOND = 1_000_000

/** The longest that an event of 200 streams took while bodies of 20 MB were sent, one after the other, and how many were. */
export const largeBodies = (rounds: number): Scenario => ({
  name: '20 MB bodies beside 200 streams',
  rounds,
  metrics: ['bodyMaxMs', 'bodiesPerSecond'],
  async run(target) {
    const plan = { mode: 'json', conns: 1, body: LARGE_BODY_BYTES, ms: 2000 } as const
    const { done, added } = await besideOthers(target, () => target.startLoad(plan).result)
    const { latency } = demandNoError(done)
    if (latency.mean === undefined) throw new Error('no body was answered')
    // Of those that were answered to the end, which may be two: not how many ended within the time.
    return { bodyMaxMs: toMs(added.max), bodiesPerSecond: US_PER_SECOND / latency.mean }
  },
})
