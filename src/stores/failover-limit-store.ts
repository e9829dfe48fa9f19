import { KeystowError } from '../errors.ts'
import type { LimitStore } from './limit-store.ts'

export type FailureMode = 'open' | 'closed'

interface FailoverOptions {
  readonly shared: LimitStore
  readonly local: LimitStore
  /** `open` counts in this process while the shared store is away; `closed` refuses. */
  readonly mode: FailureMode
  /** Called for every call that the shared store did not answer. */
  readonly onFailure: (error: unknown) => void
}

/** A shared store that may be away, and what then holds. */
export function createFailoverLimitStore(options: FailoverOptions): LimitStore {
  const { shared, local, mode, onFailure } = options

  async function attempt<T>(call: (store: LimitStore) => Promise<T>): Promise<T> {
    try {
      return await call(shared)
    } catch (error) {
      onFailure(error)
      if (mode === 'closed')
        throw new KeystowError('storeUnavailable', { cause: error, headers: RETRY_SOON })
      return call(local)
    }
  }

  return {
    countRequest: (limitKey, windowMs) =>
      attempt((store) => store.countRequest(limitKey, windowMs)),
    takeSlot: (limitKey, limit) => attempt((store) => store.takeSlot(limitKey, limit)),
    isReady: () => shared.isReady(),
    async close() {
      await Promise.all([shared.close(), local.close()])
    },
  }
}

const RETRY_SOON = { 'retry-after': '1' }
