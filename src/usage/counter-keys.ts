import { clientScope, counterKey, INSTANCE_SCOPE } from './budget.ts'
import type { Calendar, Period } from './calendar.ts'
import type { Currency, LedgerEntry } from './ledger-entry.ts'

/** Clients whose counters are remembered at once. */
const MAX_REMEMBERED = 10_000

/** The counters that an entry is charged to: those of its client and of the instance, by day and by month. */
export interface CounterKeys {
  readonly money: readonly string[]
  readonly requests: readonly string[]
}

export type FindCounterKeys = (
  entry: Pick<LedgerEntry, 'at' | 'clientId' | 'currency'>,
) => CounterKeys

/** Finds the counters of entries. A client's are the same until midnight, and are remembered so long. */
export function createCounterKeys(calendar: Calendar): FindCounterKeys {
  const remembered = new Map<string, RememberedKeys>()
  return ({ at, clientId, currency }) => {
    const [day, month] = [calendar.day(at), calendar.month(at)]
    const found = remembered.get(clientId)
    const isSame = found?.day === day && found.month === month && found.currency === currency
    if (isSame) return found.keys
    const list = (unit: Currency | 'requests'): string[] =>
      [month.key, day.key].flatMap((periodKey) =>
        [INSTANCE_SCOPE, clientScope(clientId)].map((scope) => counterKey(unit, periodKey, scope)),
      )
    const keys = { money: list(currency), requests: list('requests') }
    if (remembered.size >= MAX_REMEMBERED) remembered.clear()
    remembered.set(clientId, { day, month, currency, keys })
    return keys
  }
}

interface RememberedKeys {
  readonly day: Period
  readonly month: Period
  readonly currency: Currency
  readonly keys: CounterKeys
}
