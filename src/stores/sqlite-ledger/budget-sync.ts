import type { BudgetBook } from '../../usage/budget-book.ts'
import type { Limit } from '../../usage/budget.ts'
import { unavailable } from '../unavailable.ts'
import type { Pipeline } from './pipeline.ts'

/** Tells the book of budgets what the database knows. */
export interface BudgetSync {
  /** Resolves when the book has been told of all these counters; rejects when nobody can tell. */
  know(limits: readonly Limit[]): Promise<void>
  /** The database was changed by other than what this process settles. */
  markStale(): void
  /** Asks again when something was changed, and lets the book forget what it does not need. */
  step(): void
}

export function createBudgetSync(book: BudgetBook, pipeline: Pipeline): BudgetSync {
  const loads = new Map<string, Promise<void>>()
  let isStale = false

  async function askFor(counterKeys: readonly string[]): Promise<void> {
    const tell = book.ask(counterKeys)
    tell(await pipeline.ask({ name: 'counters', args: [counterKeys] }))
  }

  function load(counterKeys: readonly string[]): Promise<void> {
    const loading = askFor(counterKeys)
      .catch((cause: unknown) => {
        throw unavailable(cause)
      })
      .finally(() => {
        for (const key of counterKeys) if (loads.get(key) === loading) loads.delete(key)
      })
    for (const key of counterKeys) loads.set(key, loading)
    return loading
  }

  async function refresh(): Promise<void> {
    isStale = false
    const counterKeys = book.keys()
    const tell = book.ask(counterKeys)
    try {
      const spent = await pipeline.ask({ name: 'counters', args: [counterKeys] })
      // Behind a disk that is full the database lags, and the book knows better.
      if (pipeline.isReady()) return tell(spent)
    } catch {
      // It is asked again.
    }
    isStale = true
  }

  return {
    async know(limits) {
      for (;;) {
        const missing = book.missing(limits)
        const [first] = missing
        if (first === undefined) return
        await (loads.get(first) ?? load(missing))
      }
    },
    markStale() {
      isStale = true
    },
    step() {
      // What is not entered yet the database does not know.
      if (pipeline.isIdle()) book.trim()
      if (isStale && pipeline.isReady()) void refresh()
    },
  }
}
