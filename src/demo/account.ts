import { type Answer, jsonAnswer } from './answer.ts'
import type { Bill, BillEntry } from './bill.ts'
import type { DemoRequest } from './demo-request.ts'

/** Numbers and words of the account behind the credential; no client of Keystow may ever see one of them. */
export const ACCOUNT = {
  totalUsageCents: 987_654.321,
  hardLimitUsd: 43_210.99,
  name: 'demo-account-owner@example.com',
  balanceFen: 7_654_321,
  callerAddress: '203.0.113.77',
} as const

const MICRO_FEN_PER_TOKEN = 1_500

/** GET /v1/dashboard/billing/usage */
export function answerAccountUsage(): Answer {
  const total = { total_usage: ACCOUNT.totalUsageCents }
  return jsonAnswer({ object: 'list', daily_costs: [], ...total })
}

/** GET /v1/dashboard/billing/subscription */
export function answerSubscription(): Answer {
  return jsonAnswer({
    object: 'billing_subscription',
    has_payment_method: true,
    account_name: ACCOUNT.name,
    soft_limit_usd: ACCOUNT.hardLimitUsd,
    hard_limit_usd: ACCOUNT.hardLimitUsd,
    system_hard_limit_usd: ACCOUNT.hardLimitUsd,
    access_until: 4_102_444_800,
  })
}

/** POST /openai/sk/log: the reseller's log of every call made with the key, newest first. */
export function createCallLog(bill: Bill): (request: DemoRequest) => Answer {
  return () => {
    const calls = bill.list().toReversed().map(describeCall)
    const data = { total: calls.length, yufen: ACCOUNT.balanceFen, list: calls }
    return jsonAnswer({ error: 0, error_des: '', data })
  }
}

function describeCall(entry: BillEntry) {
  const tokens = entry.inputTokens + entry.outputTokens
  return {
    request_id: entry.requestId,
    ctime: Math.floor(entry.createdAtMs / 1000),
    model: entry.model,
    prompt_tokens: entry.inputTokens,
    completion_tokens: entry.outputTokens,
    total_tokens: tokens,
    fen: Math.ceil((tokens * MICRO_FEN_PER_TOKEN) / 1_000_000),
    yufen: ACCOUNT.balanceFen,
    ip: ACCOUNT.callerAddress,
  }
}
