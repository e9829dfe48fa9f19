import { KeystowError } from '../errors.ts'

/** The SDKs take no longer wait from `retry-after`, and some then retry at once. */
const MAX_HONOURED_WAIT_S = 60

/**
 * A 429 that says how long to wait: `retry-after` in whole seconds, `retry-after-ms`, and `x-should-retry:
 * false` where the wait is longer than any SDK would wait.
 */
export function tooManyRequests(
  name: 'rateLimited' | 'tooManyInFlight',
  resetAfterMs: number,
): KeystowError {
  const waitMs = Math.max(Math.ceil(resetAfterMs), 1)
  const waitS = Math.ceil(waitMs / 1000)
  return new KeystowError(name, {
    headers: {
      'retry-after': String(waitS),
      'retry-after-ms': String(waitMs),
      ...(waitS > MAX_HONOURED_WAIT_S && { 'x-should-retry': 'false' }),
    },
  })
}
