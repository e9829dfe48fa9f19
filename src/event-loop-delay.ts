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
  let last = 0
  let beforeLast = 0
  const timer = setInterval(() => {
    beforeLast = last
    last = histogram.count === 0 ? 0 : Math.max(0, histogram.mean / NS_PER_MS - RESOLUTION_MS)
    histogram.reset()
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
