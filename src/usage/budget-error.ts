import { KeystowError } from '../errors.ts'
import type { BudgetRefusal } from './budget.ts'

const ADJECTIVES = { day: 'daily', month: 'monthly' } as const
const OWNERS = { client: 'this client', instance: 'this server' } as const

/** SDKs retry a 429 unless they are told not to, and a budget does not grow back in seconds. */
const NO_RETRY = { 'x-should-retry': 'false' }

/** What a client is told whose call is refused; without a refusal, whose stream is cut. */
export function budgetError(refusal?: BudgetRefusal): KeystowError {
  if (refusal === undefined) {
    const message =
      'The budget was spent while this answer was written. Ask the operator of this server, or wait for the next day or month.'
    return new KeystowError('budgetExceeded', { message, headers: NO_RETRY })
  }
  const { scope, period, unit, resetAt } = refusal
  const what = unit === 'money' ? 'budget' : 'quota of requests'
  const message = `The ${ADJECTIVES[period]} ${what} of ${OWNERS[scope]} is spent. It begins anew at ${new Date(resetAt).toISOString()}.`
  return new KeystowError('budgetExceeded', { message, headers: NO_RETRY })
}
