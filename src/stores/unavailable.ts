import { KeystowError } from '../errors.ts'

/** What a client is told when nobody can say whether its limits allow the call. */
export const unavailable = (cause: unknown): KeystowError =>
  new KeystowError('storeUnavailable', { cause, headers: { 'retry-after': '1' } })
