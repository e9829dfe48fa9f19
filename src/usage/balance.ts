import type { BudgetCap, BudgetPeriod } from './budget.ts'

/** What a client has spent of its own, in micros. */
export type SpentMicros = Readonly<Record<BudgetPeriod, number>>

/**
 * The limit from which the chat UIs take what was spent this month to show what is left: the least that any of the
 * client's budgets in money has left, added to what it has spent. Undefined without one.
 */
export function limitOf(budgets: readonly BudgetCap[], spent: SpentMicros): number | undefined {
  const left = budgets
    .filter(({ scope, unit }) => scope === 'client' && unit === 'money')
    .map(({ period, cap }) => Math.max(0, cap - spent[period]))
  return left.length === 0 ? undefined : spent.month + Math.min(...left)
}
