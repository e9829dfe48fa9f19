import type { LimitStore, Slot, WindowState } from './limit-store.ts'

const SWEEP_INTERVAL_MS = 10_000

/** Windows kept at once. Past it, new keys share one window: nobody's counter is forgotten to make room. */
const MAX_WINDOWS = 200_000
const OVERFLOW_KEY = 'overflow'

interface Window {
  count: number
  endsAt: number
}

interface MemoryLimitStoreOptions {
  /** Milliseconds on a clock that never goes back. */
  readonly now?: () => number
  readonly maxWindows?: number
}

/** Keeps the counters of one process. */
export function createMemoryLimitStore(options: MemoryLimitStoreOptions = {}): LimitStore {
  const { now = () => performance.now(), maxWindows = MAX_WINDOWS } = options
  const windows = new Map<string, Window>()
  const inFlight = new Map<string, number>()
  const sweep = setInterval(() => dropEnded(windows, now()), SWEEP_INTERVAL_MS)
  sweep.unref()

  function findWindow(limitKey: string, windowMs: number): Window {
    const at = now()
    const isKnown = windows.has(limitKey)
    const key = isKnown || windows.size < maxWindows ? limitKey : OVERFLOW_KEY
    const current = windows.get(key)
    if (current !== undefined && current.endsAt > at) return current
    const fresh = { count: 0, endsAt: at + windowMs }
    windows.set(key, fresh)
    return fresh
  }

  function release(limitKey: string): void {
    const taken = inFlight.get(limitKey) ?? 0
    if (taken > 1) inFlight.set(limitKey, taken - 1)
    else inFlight.delete(limitKey)
  }

  return {
    async countRequest(limitKey, windowMs): Promise<WindowState> {
      const window = findWindow(limitKey, windowMs)
      window.count++
      return { count: window.count, resetAfterMs: Math.ceil(window.endsAt - now()) }
    },
    async takeSlot(limitKey, limit): Promise<Slot | undefined> {
      const taken = inFlight.get(limitKey) ?? 0
      if (taken >= limit) return undefined
      inFlight.set(limitKey, taken + 1)
      let isReleased = false
      return {
        release() {
          if (isReleased) return
          isReleased = true
          release(limitKey)
        },
      }
    },
    isReady: () => true,
    async close() {
      clearInterval(sweep)
    },
  }
}

function dropEnded(windows: Map<string, Window>, at: number): void {
  for (const [key, { endsAt }] of windows) if (endsAt <= at) windows.delete(key)
}
