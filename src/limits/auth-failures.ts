import { addressKey } from '../clients/address.ts'
import type { KeystowError } from '../errors.ts'
import type { Metrics } from '../metrics.ts'
import type { LimitStore } from '../stores/limit-store.ts'
import { tooManyRequests } from './too-many-requests.ts'

const MINUTE_MS = 60_000

interface AuthFailuresOptions {
  readonly limitStore: LimitStore
  readonly metrics: Metrics
}

/** Throws what a caller with an unknown token is answered. */
export type RefuseToken = (
  address: string | undefined,
  error: KeystowError,
  limitPerMinute: number,
) => Promise<never>

/** Counts each failure for its address, which is no key that the caller can choose, before it is answered. */
export function createAuthFailures({ limitStore, metrics }: AuthFailuresOptions): RefuseToken {
  return async function refuseToken(address, error, limitPerMinute) {
    const key = `auth-failures:${addressKey(address ?? '')}`
    const { count, resetAfterMs } = await limitStore.countRequest(key, MINUTE_MS)
    if (count <= limitPerMinute) throw error
    metrics.limited.inc({ limit: 'auth_failures' })
    throw tooManyRequests('rateLimited', resetAfterMs)
  }
}
