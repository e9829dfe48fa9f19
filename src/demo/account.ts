import { type Answer, jsonAnswer } from './answer.ts'
import type { Bill, BillEntry } from './bill.ts'
import { type DemoRequest, findNumber } from './demo-request.ts'

/** Numbers and words of the account behind the credential; no client of Keystow may ever see one of them. */
export const ACCOUNT = {
  totalUsageCents: 987_654.321,
  hardLimitUsd: 43_210.99,
  name: 'demo-account-owner@example.com',
  balanceFen: 7_654_321,
  callerAddress: '203.0.113.77',
} as const

const MICRO_FEN_PER_TOKEN = 1_500
/** Of what is made of no tokens. */
const FEN_PER_TASK = 5
const NO_TOKENS = { inputTokens: 0, outputTokens: 0 }

/** Speech is billed by its characters, and whisper by the second. */
const isByTokens = ({ model, characters, audioSeconds }: BillEntry): boolean =>
  characters === 0 && (audioSeconds === 0 || model !== 'whisper-1')

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

const DEFAULT_LIMIT = 30
const MAX_LIMIT = 300

/** POST /openai/sk/log: the reseller's log of every call made with the key, newest first; every value is a text. */
export function createCallLog(bill: Bill): (request: DemoRequest) => Answer {
  return ({ json }) => {
    const start = findNumber(json, 'start') ?? 0
    const limit = findNumber(json, 'limit') ?? DEFAULT_LIMIT
    if (start < 0 || limit < 1 || limit > MAX_LIMIT) {
      return jsonAnswer({ data: [], error: 301, error_des: 'start or limit is out of range' })
    }
    const calls = bill.list().map(describeCall).toReversed()
    const data = { logs: calls.slice(start, start + limit) }
    return jsonAnswer({ data, error: 0, error_des: '' })
  }
}

function describeCall(entry: BillEntry, index: number) {
  const { inputTokens, outputTokens } = isByTokens(entry) ? entry : NO_TOKENS
  const tokens = inputTokens + outputTokens
  const fen = tokens === 0 ? FEN_PER_TASK : Math.ceil((tokens * MICRO_FEN_PER_TOKEN) / 1_000_000)
  return {
    id: String(index + 1),
    user_id: '9',
    ctime: String(Math.floor(entry.createdAtMs / 1000)),
    prompt_tokens: String(inputTokens),
    completion_tokens: String(outputTokens),
    fen: String(fen),
    model: entry.model,
    yufen: String(ACCOUNT.balanceFen),
    reqid: entry.requestId,
    ip: ACCOUNT.callerAddress,
    note: '',
  }
}
