import { clientScope, counterKey, INSTANCE_SCOPE } from './budget.ts'
import type { Calendar, Period } from './calendar.ts'
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

/** Tells what an entry changes elsewhere: the counters of budgets and the sums of its day. */
export interface Effects {
  /** A former version of the entry is taken back. */
  of(entry: LedgerEntry, former?: LedgerEntry): EntryEffect
  /** The counters that entries of this client and moment are charged to. */
  counters(entry: Pick<LedgerEntry, 'at' | 'clientId' | 'currency'>): CounterKeys
}

export interface CounterKeys {
  readonly money: readonly CounterKey[]
  readonly requests: readonly CounterKey[]
}

type CounterKey = Omit<Charge, 'amount'>

/** Clients whose counters are remembered at once. */
const MAX_REMEMBERED = 10_000

export function createEffects(calendar: Calendar): Effects {
  const remembered = new Map<string, RememberedKeys>()

  function counters({ at, clientId, currency }: Parameters<Effects['counters']>[0]): CounterKeys {
    const [day, month] = [calendar.day(at), calendar.month(at)]
    const found = remembered.get(clientId)
    const isSame = found?.day === day && found.month === month && found.currency === currency
    if (isSame) return found.keys
    const list = (unit: Currency | 'requests'): CounterKey[] =>
      [month.key, day.key].flatMap((periodKey) =>
        [INSTANCE_SCOPE, clientScope(clientId)].map((scope) => ({
          counterKey: counterKey(unit, periodKey, scope),
          periodKey,
        })),
      )
    const keys = { money: list(currency), requests: list('requests') }
    if (remembered.size >= MAX_REMEMBERED) remembered.clear()
    remembered.set(clientId, { day, month, currency, keys })
    return keys
  }

  return {
    counters,
    of(entry, former) {
      const { at, clientId, model, currency } = entry
      const sums = sumsOf(entry)
      const usage = former === undefined ? sums : addSums(sums, sumsOf(former), -1)
      const keys = counters(entry)
      const charge = (list: readonly CounterKey[], amount: number): Charge[] =>
        amount === 0 ? [] : list.map((key) => ({ ...key, amount }))
      const isNothing = Object.values(usage).every((sum) => sum === 0)
      const line = { day: calendar.day(at).key, clientId, model, currency, ...usage }
      return {
        charges: [
          ...charge(keys.money, usage.costMicros),
          ...charge(keys.requests, usage.requests),
        ],
        usage: isNothing ? undefined : line,
      }
    },
  }
}

interface RememberedKeys {
  readonly day: Period
  readonly month: Period
  readonly currency: Currency
  readonly keys: CounterKeys
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
