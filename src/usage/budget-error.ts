import { ERROR_CASES, KeystowError } from '../errors.ts'
import type { BudgetRefusal } from './budget.ts'

const ADJECTIVES = { day: 'daily', month: 'monthly' } as const
const OWNERS = { client: 'this client', instance: 'this server' } as const

/** SDKs retry a 429 unless they are told not to, and a budget does not grow back in seconds. */
const NO_RETRY = { 'x-should-retry': 'false' }

/**
 * What a client is told whose call is refused; without a refusal, whose stream is cut. A budget of which too little is
 * left need not be spent. Chat UIs take the words quota and billing for those of the provider's account.
 */
export function budgetError(refusal?: BudgetRefusal): KeystowError {
  if (refusal === undefined) {
    const message =
      'The budget was spent while this answer was written. Ask the operator of this server, or wait for the next day or month.'
    return new KeystowError('budgetExceeded', { message, headers: NO_RETRY })
  }
  const { scope, period, unit, resetAt } = refusal
  const adjective = ADJECTIVES[period]
  const owner = OWNERS[scope]
  const what =
    unit === 'money'
      ? `What is left of the ${adjective} budget of ${owner} is not enough for this request.`
      : `The ${adjective} number of requests of ${owner} is used up.`
  const message = `${what} It begins anew at ${new Date(resetAt).toISOString()}.`
  return new KeystowError('budgetExceeded', { message, headers: NO_RETRY })
}

/** Whether a request ended for what its client, or everybody, may spend. */
export const isBudgetSpent = (error: unknown): boolean =>
  error instanceof KeystowError && error.code === ERROR_CASES.budgetExceeded.code
