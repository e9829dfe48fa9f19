import type { BudgetCap, BudgetPeriod, BudgetScope } from './budget.ts'

/** What a client, or the whole instance, has spent, in micros. */
export type SpentMicros = Readonly<Record<BudgetPeriod, number>>

/** What all may spend together is told in so many parts, so that nobody sees the single calls of others in it. */
const SHARED_PARTS = 100

/**
 * The limit from which the chat UIs take what was spent this month to show what is left: the least that any of the
 * budgets in money has left which bind the client, added to what it has spent itself. Undefined without one.
 */
export function limitOf(
  budgets: readonly BudgetCap[],
  spent: Readonly<Record<BudgetScope, SpentMicros>>,
): number | undefined {
  const left = budgets
    .filter(({ unit }) => unit === 'money')
    .map((budget) => leftOf(budget, spent[budget.scope]))
  return left.length === 0 ? undefined : spent.client.month + Math.min(...left)
}

function leftOf({ scope, period, cap }: BudgetCap, spent: SpentMicros): number {
  const left = Math.max(0, cap - spent[period])
  if (scope === 'client') return left
  const part = Math.ceil(cap / SHARED_PARTS)
  return left === cap ? cap : Math.floor(left / part) * part
}
