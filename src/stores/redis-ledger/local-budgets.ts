import { type BudgetBook, createBudgetBook } from '../../usage/budget-book.ts'
import type { Limit, Opening, Reservation } from '../../usage/budget.ts'
import { countOf } from '../../usage/charges.ts'
import type { FindCounterKeys } from '../../usage/counter-keys.ts'
import type { LedgerEntry } from '../../usage/ledger-entry.ts'

/** Counters whose last known value is remembered. */
const MAX_KNOWN = 10_000

/** What this process alone can say of budgets: for the time in which nobody can ask Redis. */
export interface LocalBudgets {
  /** What Redis said last of these limits, in their order. */
  remember(limits: readonly Limit[], spent: readonly number[]): void
  open(reservation: Reservation, limits: readonly Limit[]): Opening
  grow(held: LocalHold, wantedMicros: number): number
  settle(entry: LedgerEntry): void
  /** Redis answers again, and knows better. */
  forget(): void
}

export interface LocalHold {
  readonly id: string
  readonly limits: readonly Limit[]
  readonly grantedMicros: number
}

export function createLocalBudgets(findCounterKeys: FindCounterKeys): LocalBudgets {
  const known = new Map<string, number>()
  let book: BudgetBook | undefined
  let held = new Set<string>()

  /** A book that starts where Redis stood when it was last heard of. */
  function startBook(limits: readonly Limit[]): BudgetBook {
    book ??= createBudgetBook()
    const missing = book.missing(limits)
    book.ask(missing)(missing.map((key) => known.get(key) ?? 0))
    return book
  }

  return {
    remember(limits, spent) {
      for (const [index, { counterKey }] of limits.entries()) {
        known.delete(counterKey)
        known.set(counterKey, spent[index] ?? 0)
      }
      for (const key of known.keys()) {
        if (known.size <= MAX_KNOWN) break
        known.delete(key)
      }
    },
    open(reservation, limits) {
      held.add(reservation.id)
      return startBook(limits).reserve(reservation.id, limits, reservation)
    },
    grow({ id, limits, grantedMicros }, wantedMicros) {
      const started = startBook(limits)
      if (!held.has(id)) started.adopt(id, limits, grantedMicros)
      held.add(id)
      return started.grow(id, wantedMicros)
    },
    settle(entry) {
      if (book === undefined) return
      held.delete(entry.id)
      book.release(entry.id)
      book.charge(findCounterKeys(entry), entry.costMicros ?? 0, countOf(entry))
    },
    forget() {
      book = undefined
      held = new Set()
    },
  }
}
