import { KeystowError } from '../errors.ts'
import type { LimitStore } from './limit-store.ts'
import type { MemoryLimitStore } from './memory-limit-store.ts'

export type FailureMode = 'open' | 'closed'

interface FailoverOptions {
  readonly shared: LimitStore
  readonly local: MemoryLimitStore
  /** `open` counts in this process while the shared store is away; `closed` refuses. */
  readonly mode: FailureMode
  /** Called for every call that the shared store did not answer. */
  readonly onFailure: (error: unknown) => void
}

/** The two clocks differ by the time an answer takes: nearer to its end, a window may be over in the shared store. */
const WINDOW_END_MS = 1500

/**
 * A shared store that may be away, or come back without its memory, and what then holds: this process keeps a copy of
 * what it has seen, so that neither gives anybody a limit anew.
 */
export function createFailoverLimitStore(options: FailoverOptions): LimitStore {
  const { shared, local, mode, onFailure } = options

  /** Undefined when the shared store is away and this process has to count alone. */
  async function ask<T>(call: Promise<T>): Promise<{ readonly answer: T } | undefined> {
    try {
      return { answer: await call }
    } catch (error) {
      onFailure(error)
      if (mode === 'open') return undefined
      throw new KeystowError('storeUnavailable', { cause: error, headers: RETRY_SOON })
    }
  }

  return {
    async countRequest(limitKey, windowMs) {
      const counted = await ask(shared.countRequest(limitKey, windowMs))
      const copy = local.readWindow(limitKey)
      const isForgotten =
        counted !== undefined &&
        copy !== undefined &&
        copy.resetAfterMs > WINDOW_END_MS &&
        counted.answer.count <= copy.count
      if (counted === undefined || isForgotten) return local.countRequest(limitKey, windowMs)
      local.setWindow(limitKey, counted.answer)
      return counted.answer
    },
    async takeSlot(limitKey, limit) {
      // What runs here is a part of what runs everywhere, and is known without asking.
      const own = await local.takeSlot(limitKey, limit)
      if (own === undefined) return undefined
      try {
        const taken = await ask(shared.takeSlot(limitKey, limit))
        if (taken === undefined) return own
        const slot = taken.answer
        if (slot !== undefined)
          return { release: () => [own, slot].forEach((one) => one.release()) }
      } catch (error) {
        own.release()
        throw error
      }
      own.release()
      return undefined
    },
    isReady: () => shared.isReady(),
    async close() {
      await Promise.all([shared.close(), local.close()])
    },
  }
}

const RETRY_SOON = { 'retry-after': '1' }
