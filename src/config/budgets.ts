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

/** What the operator should know: models that a client may use by name and that have no price. */
export function unpricedNotices(
  { clients, defaultBudgets }: Pick<Config, 'clients' | 'defaultBudgets'>,
  pricing: Pricing,
): string[] {
  const lists = [defaultBudgets, ...clients.map(({ budgets }) => budgets)]
  const isUseless = pricing.isEmpty && lists.some(isInMoney)
  const models = clients.flatMap((client) =>
    (client.models ?? [])
      .filter((model) => !model.includes('*') && pricing.find(model) === undefined)
      .map((model) => unpricedNotice(client, model)),
  )
  return isUseless ? [NO_PRICES, ...models] : models
}

const NO_PRICES =
  'PRICING_FILE: the price table is empty, so whoever has a budget in money may use no model; add the models'

function unpricedNotice({ id, budgets }: TokenClient, model: string): string {
  const consequence = isInMoney(budgets)
    ? 'so this client, which has a budget, may not use it'
    : 'so what this client uses of it is counted without a cost'
  return `clients.${id}.models: ${model} has no price, ${consequence}; add it to the price table`
}
