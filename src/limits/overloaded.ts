import { KeystowError } from '../errors.ts'

/** A 503 that says to come back: what is too much now may be over in a second. */
export function overloaded(): KeystowError {
  return new KeystowError('overloaded', {
    headers: { 'retry-after': '1', 'x-should-retry': 'true' },
  })
}
