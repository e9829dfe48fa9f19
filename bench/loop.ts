/** How long a loop runs, and how often; the least of the rounds counts: what else the machine does only adds to it. */
export interface LoopPlan {
  readonly rounds: number
  readonly roundMs: number
}

const PLAN: LoopPlan = { rounds: 7, roundMs: 300 }

/** Microseconds of processor time that one call takes. */
export function measureCall(call: () => void, { rounds, roundMs }: LoopPlan = PLAN): number {
  const calls = callsIn(roundMs, call)
  let best = Number.POSITIVE_INFINITY
  for (let round = 0; round < rounds; round++) {
    const before = process.cpuUsage()
    for (let i = 0; i < calls; i++) call()
    const { user, system } = process.cpuUsage(before)
    best = Math.min(best, (user + system) / calls)
  }
  return best
}

/** How many there are in this time; it warms up, too. */
function callsIn(ms: number, call: () => void): number {
  const end = performance.now() + ms
  let calls = 0
  while (performance.now() < end) {
    for (let i = 0; i < 100; i++) call()
    calls += 100
  }
  return calls
}
