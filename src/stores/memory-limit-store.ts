import type { LimitStore, Slot, WindowState } from './limit-store.ts'

const SWEEP_INTERVAL_MS = 10_000

/**
 * Windows kept at once for keys of one kind, which is what stands before their colon. Past it, new keys of that kind
 * share one window: nobody's counter is forgotten to make room, and a flood of addresses costs no client its own.
 */
const MAX_WINDOWS = 200_000
const OVERFLOW_KEY = ':overflow'

interface Window {
  count: number
  endsAt: number
}

/** A store that can take over from another what it has counted. */
export interface MemoryLimitStore extends LimitStore {
  /** Where the key's window stands, without counting. */
  readWindow(limitKey: string): WindowState | undefined
  setWindow(limitKey: string, state: WindowState): void
}

interface MemoryLimitStoreOptions {
  /** Milliseconds on a clock that never goes back. */
  readonly now?: () => number
  readonly maxWindows?: number
}

/** Keeps the counters of one process. */
export function createMemoryLimitStore(options: MemoryLimitStoreOptions = {}): MemoryLimitStore {
  const { now = () => performance.now(), maxWindows = MAX_WINDOWS } = options
  const windowsByKind = new Map<string, Map<string, Window>>()
  const inFlight = new Map<string, number>()
  const sweep = setInterval(() => {
    for (const windows of windowsByKind.values()) dropEnded(windows, now())
  }, SWEEP_INTERVAL_MS)
  sweep.unref()

  function windowsLike(limitKey: string): Map<string, Window> {
    const kind = limitKey.slice(0, limitKey.indexOf(':'))
    let windows = windowsByKind.get(kind)
    if (windows === undefined) windowsByKind.set(kind, (windows = new Map()))
    return windows
  }

  function findWindow(limitKey: string, windowMs: number): Window {
    const windows = windowsLike(limitKey)
    const at = now()
    const isKept = windows.has(limitKey) || windows.size < maxWindows
    const key = isKept ? limitKey : OVERFLOW_KEY
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
    readWindow(limitKey) {
      const window = windowsLike(limitKey).get(limitKey)
      if (window === undefined || window.endsAt <= now()) return undefined
      return { count: window.count, resetAfterMs: Math.ceil(window.endsAt - now()) }
    },
    setWindow(limitKey, { count, resetAfterMs }) {
      const window = findWindow(limitKey, resetAfterMs)
      window.count = count
      window.endsAt = now() + resetAfterMs
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
