import { monitorEventLoopDelay } from 'node:perf_hooks'

const RESOLUTION_MS = 20
const SAMPLE_MS = 500
const NS_PER_MS = 1e6

/** How late the process is with everything it does. */
export interface EventLoopDelay {
  /** Milliseconds, over the last second: the lower of two means, since one long turn is over when it is noticed. */
  current(): number
  stop(): void
}

/**
 * `@fastify/under-pressure` 9.2 takes one sample, and infinity for it where the process stood still for longer than
 * the sample: a single pause of a second would turn away everybody for the next one.
 */
export function watchEventLoopDelay(): EventLoopDelay {
  const histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS })
  histogram.enable()
  let seen = { count: 0, sumNs: 0 }
  let last = 0
  let beforeLast = 0
  // What came since, by sums: after a reset Node does not record the next turn, in a late process the only one.
  const timer = setInterval(() => {
    const { count } = histogram
    const sumNs = count === 0 ? 0 : count * histogram.mean
    const turns = count - seen.count
    beforeLast = last
    last = turns === 0 ? 0 : Math.max(0, (sumNs - seen.sumNs) / turns / NS_PER_MS - RESOLUTION_MS)
    seen = { count, sumNs }
  }, SAMPLE_MS)
  timer.unref()
  return {
    current: () => Math.min(last, beforeLast),
    stop() {
      clearInterval(timer)
      histogram.disable()
    },
  }
}
