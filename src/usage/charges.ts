import { clientScope, counterKey, INSTANCE_SCOPE } from './budget.ts'
import type { Calendar } from './calendar.ts'
import type { Currency, LedgerEntry } from './ledger-entry.ts'

/** What an entry, or its correction, adds to one counter. */
export interface Charge {
  readonly counterKey: string
  readonly periodKey: string
  readonly amount: number
}

/** What entries add up to. */
export interface UsageSums {
  readonly requests: number
  readonly inputTokens: number
  readonly cachedTokens: number
  readonly outputTokens: number
  readonly costMicros: number
  readonly estimatedRequests: number
}

/** The line of a day's sums that an entry belongs to, and what it adds there. */
export interface UsageDelta extends UsageSums {
  readonly day: string
  readonly clientId: string
  readonly model: string
  readonly currency: Currency
}

export interface EntryEffect {
  readonly charges: readonly Charge[]
  /** Undefined when there is nothing to add up: the request was refused. */
  readonly usage: UsageDelta | undefined
}

/** What an entry changes elsewhere: the counters of budgets and the sums of its day. A former version is taken back. */
export function effectOf(
  entry: LedgerEntry,
  calendar: Calendar,
  former?: LedgerEntry,
): EntryEffect {
  const { at, clientId, model, currency } = entry
  const sums = sumsOf(entry)
  const usage = former === undefined ? sums : addSums(sums, sumsOf(former), -1)
  const charges: Charge[] = []
  for (const period of [calendar.month(at), calendar.day(at)]) {
    for (const scope of [INSTANCE_SCOPE, clientScope(clientId)]) {
      add(charges, { unit: currency, periodKey: period.key, scope, amount: usage.costMicros })
      add(charges, { unit: 'requests', periodKey: period.key, scope, amount: usage.requests })
    }
  }
  const isNothing = Object.values(usage).every((sum) => sum === 0)
  const line = { day: calendar.day(at).key, clientId, model, currency, ...usage }
  return { charges, usage: isNothing ? undefined : line }
}

interface Addition {
  readonly unit: Currency | 'requests'
  readonly periodKey: string
  readonly scope: string
  readonly amount: number
}

function add(charges: Charge[], { unit, periodKey, scope, amount }: Addition): void {
  if (amount === 0) return
  charges.push({ counterKey: counterKey(unit, periodKey, scope), periodKey, amount })
}

/** A refused request used nothing, and counts against no quota. */
const sumsOf = (entry: LedgerEntry): UsageSums => ({
  requests: entry.ending === 'refused' ? 0 : 1,
  inputTokens: entry.inputTokens,
  cachedTokens: entry.cachedTokens,
  outputTokens: entry.outputTokens,
  costMicros: entry.costMicros ?? 0,
  estimatedRequests: entry.isEstimated && entry.ending !== 'refused' ? 1 : 0,
})

/** The sum of two lines, or what the first has more than the second. */
export const addSums = (a: UsageSums, b: UsageSums, sign: 1 | -1 = 1): UsageSums => ({
  requests: a.requests + sign * b.requests,
  inputTokens: a.inputTokens + sign * b.inputTokens,
  cachedTokens: a.cachedTokens + sign * b.cachedTokens,
  outputTokens: a.outputTokens + sign * b.outputTokens,
  costMicros: a.costMicros + sign * b.costMicros,
  estimatedRequests: a.estimatedRequests + sign * b.estimatedRequests,
})
