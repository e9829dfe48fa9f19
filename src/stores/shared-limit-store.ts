import type { SharedCounters } from '../workers/shared-counters.ts'
import type { MemoryLimitStore } from './memory-limit-store.ts'

/** Keeps the counters of all threads of one process. `now` is milliseconds of a clock that they share. */
export function createSharedLimitStore(
  counters: SharedCounters,
  now: () => number,
): MemoryLimitStore {
  return {
    async countRequest(limitKey, windowMs) {
      const at = now()
      return counters.use(limitKey, at, (window) => {
        if (window.endsAt <= at) {
          window.count = 0
          window.endsAt = at + windowMs
        }
        window.count++
        return { count: window.count, resetAfterMs: Math.ceil(window.endsAt - at) }
      })
    },
    async takeSlot(limitKey, limit) {
      const place = counters.use(limitKey, now(), (places) => places.take(limit))
      if (place === undefined) return undefined
      let isReleased = false
      return {
        release() {
          if (isReleased) return
          isReleased = true
          counters.release(place)
        },
      }
    },
    readWindow(limitKey) {
      const at = now()
      return counters.use(limitKey, at, ({ count, endsAt }) =>
        endsAt <= at ? undefined : { count, resetAfterMs: Math.ceil(endsAt - at) },
      )
    },
    setWindow(limitKey, { count, resetAfterMs }) {
      const at = now()
      counters.use(limitKey, at, (window) => {
        window.count = count
        window.endsAt = at + resetAfterMs
      })
    },
    isReady: () => true,
    async close() {},
  }
}
