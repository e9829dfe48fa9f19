import { parseMicros } from './micros.ts'
import { settingInfo, wholeNumber } from './setting-kinds.ts'
import { z } from './zod.ts'

const EXPECTED_MONEY = 'an amount such as 5 or 2.50, up to 999999.999999; 0 is no limit'
const EXPECTED_COUNT = 'a whole number from 0 (no limit) to 1000000000'

const MAX_QUOTA = 1_000_000_000

/** An amount in the price table's currency, as whole micros. */
export const money = z
  .union([z.number(), z.string()], { error: `give ${EXPECTED_MONEY}` })
  .transform((value, context) => {
    const micros = parseMicros(value)
    if (micros !== undefined) return micros
    context.addIssue({ code: 'custom', message: `give ${EXPECTED_MONEY}` })
    return z.NEVER
  })

/** A number of requests, in the YAML of a client. */
export const quota = z
  .int({ error: `give ${EXPECTED_COUNT}` })
  .min(0, { error: `give ${EXPECTED_COUNT}` })
  .max(MAX_QUOTA, { error: `give ${EXPECTED_COUNT}` })

const moneySetting = (env: string, meaning: string) =>
  money.default(0).register(settingInfo, { env, expected: EXPECTED_MONEY, meaning })

const quotaSetting = (env: string, meaning: string) =>
  wholeNumber(0, MAX_QUOTA)
    .default(0)
    .register(settingInfo, { env, expected: EXPECTED_COUNT, meaning })

/** What may be spent, in the currency of the price table, and how often may be asked. */
export const budgetsShape = {
  budgetPerDay: moneySetting(
    'BUDGET_PER_DAY',
    'What each client may spend a day; `0` is no limit.',
  ),
  budgetPerMonth: moneySetting(
    'BUDGET_PER_MONTH',
    'What each client may spend a calendar month; `0` is no limit.',
  ),
  quotaPerDay: quotaSetting('QUOTA_PER_DAY', 'Requests of each client a day; `0` is no limit.'),
  quotaPerMonth: quotaSetting(
    'QUOTA_PER_MONTH',
    'Requests of each client a calendar month; `0` is no limit.',
  ),
  totalBudgetPerDay: moneySetting(
    'TOTAL_BUDGET_PER_DAY',
    'What all clients together may spend a day; `0` is no limit.',
  ),
  totalBudgetPerMonth: moneySetting(
    'TOTAL_BUDGET_PER_MONTH',
    'What all clients together may spend a calendar month; `0` is no limit.',
  ),
  totalQuotaPerDay: quotaSetting(
    'TOTAL_QUOTA_PER_DAY',
    'Requests of all clients together a day; `0` is no limit.',
  ),
  totalQuotaPerMonth: quotaSetting(
    'TOTAL_QUOTA_PER_MONTH',
    'Requests of all clients together a calendar month; `0` is no limit.',
  ),
}
