import { clientScope, counterKey, INSTANCE_SCOPE } from './budget.ts'
import type { Calendar } from './calendar.ts'
import type { Currency, LedgerEntry } from './ledger-entry.ts'

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

/** What a line adds to one counter. */
export interface Charge {
  readonly counterKey: string
  readonly periodKey: string
  readonly amount: number
}

/** What an entry adds to the sums of its day; a former version of it is taken back. */
export function lineOf(entry: LedgerEntry, calendar: Calendar, former?: LedgerEntry): UsageDelta {
  const { at, clientId, model, currency } = entry
  const sums = sumsOf(entry)
  const added = former === undefined ? sums : addSums(sums, sumsOf(former), -1)
  return { day: calendar.day(at).key, clientId, model, currency, ...added }
}

/** A request that was refused adds nothing. */
export const isEmpty = (sums: UsageSums): boolean =>
  sums.requests === 0 &&
  sums.costMicros === 0 &&
  sums.inputTokens === 0 &&
  sums.cachedTokens === 0 &&
  sums.outputTokens === 0 &&
  sums.estimatedRequests === 0

/** What a line, of one entry or of many, adds to the counters of budgets. */
export function chargesOf(line: UsageDelta): Charge[] {
  const charges: Charge[] = []
  for (const periodKey of [line.day.slice(0, 7), line.day]) {
    for (const scope of [INSTANCE_SCOPE, clientScope(line.clientId)]) {
      const add = (unit: Currency | 'requests', amount: number): void => {
        if (amount === 0) return
        charges.push({ counterKey: counterKey(unit, periodKey, scope), periodKey, amount })
      }
      add(line.currency, line.costMicros)
      add('requests', line.requests)
    }
  }
  return charges
}

/** A refused request used nothing, and counts against no quota. */
export const countOf = ({ ending }: LedgerEntry): number => (ending === 'refused' ? 0 : 1)

const sumsOf = (entry: LedgerEntry): UsageSums => ({
  requests: countOf(entry),
  inputTokens: entry.inputTokens,
  cachedTokens: entry.cachedTokens,
  outputTokens: entry.outputTokens,
  costMicros: entry.costMicros ?? 0,
  estimatedRequests: entry.isEstimated ? countOf(entry) : 0,
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
