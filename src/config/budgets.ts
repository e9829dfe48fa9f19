import type { TokenClient } from '../clients/client.ts'
import { type BudgetCap, isInMoney } from '../usage/budget.ts'
import type { Pricing } from '../usage/pricing.ts'
import type { Config } from './config.ts'
import type { Settings } from './settings.ts'

/** A client's own; what is absent is the instance's. */
export interface ClientAmounts {
  readonly budgetPerDay?: number | undefined
  readonly budgetPerMonth?: number | undefined
  readonly quotaPerDay?: number | undefined
  readonly quotaPerMonth?: number | undefined
}

/** The caps of one client, those of the whole instance included. Without any, always the same empty list. */
export function buildBudgets(settings: Settings, own: ClientAmounts = {}): readonly BudgetCap[] {
  const amountOf = (name: keyof ClientAmounts): number => own[name] ?? settings[name]
  const caps: readonly BudgetCap[] = [
    { scope: 'client', period: 'day', unit: 'money', cap: amountOf('budgetPerDay') },
    { scope: 'client', period: 'month', unit: 'money', cap: amountOf('budgetPerMonth') },
    { scope: 'client', period: 'day', unit: 'requests', cap: amountOf('quotaPerDay') },
    { scope: 'client', period: 'month', unit: 'requests', cap: amountOf('quotaPerMonth') },
    { scope: 'instance', period: 'day', unit: 'money', cap: settings.totalBudgetPerDay },
    { scope: 'instance', period: 'month', unit: 'money', cap: settings.totalBudgetPerMonth },
    { scope: 'instance', period: 'day', unit: 'requests', cap: settings.totalQuotaPerDay },
    { scope: 'instance', period: 'month', unit: 'requests', cap: settings.totalQuotaPerMonth },
  ]
  const set = caps.filter(({ cap }) => cap > 0)
  return set.length === 0 ? NO_BUDGETS : Object.freeze(set)
}

const NO_BUDGETS: readonly BudgetCap[] = Object.freeze([])

/** Whether anybody has a cap, so that a ledger which is lost would be a budget begun anew. */
export const hasBudgets = ({
  clients,
  defaultBudgets,
}: Pick<Config, 'clients' | 'defaultBudgets'>) =>
  defaultBudgets.length > 0 || clients.some(({ budgets }) => budgets.length > 0)

/** What the operator should know: models that a client may use by name, and has no budget for that could be kept. */
export function unpricedNotices(clients: readonly TokenClient[], pricing: Pricing): string[] {
  return clients
    .filter(({ budgets }) => isInMoney(budgets))
    .flatMap(({ id, models = [] }) =>
      models
        .filter((model) => !model.includes('*') && pricing.find(model) === undefined)
        .map(
          (model) =>
            `clients.${id}.models: ${model} has no price, so this client, which has a budget, may not use it; add it to the price table`,
        ),
    )
}
