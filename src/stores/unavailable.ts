import { KeystowError } from '../errors.ts'

/** What a client is told when nobody can say whether its limits allow the call. */
export const unavailable = (cause: unknown): KeystowError =>
  new KeystowError('storeUnavailable', { cause, headers: { 'retry-after': '1' } })

/** Of a request that somebody has settled while it was being opened: nobody would give back what it held. */
export const settledMeanwhile = (): KeystowError =>
  unavailable(new Error('it was settled before it was opened'))

/** What a store answers, or what a client is told when it does not. */
export async function orUnavailable<T>(asked: Promise<T>): Promise<T> {
  try {
    return await asked
  } catch (error) {
    throw error instanceof KeystowError ? error : unavailable(error)
  }
}
