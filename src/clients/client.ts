import type { BudgetCap } from '../usage/budget.ts'

/** Who is calling, as far as policy, limits and the log are concerned. */
export interface Client {
  /** Stable and loggable. */
  readonly id: string
  /** The string its counters are kept under. */
  readonly limitKey: string
  /** Exact browser origins; absent means the instance's own list. */
  readonly origins?: readonly string[] | undefined
  /** Model names, with `*` as a wildcard; absent means every model. */
  readonly models?: readonly string[] | undefined
  /** Path prefixes; absent means every path. */
  readonly paths?: readonly string[] | undefined
  /** Requests a minute; 0 is no limit. */
  readonly rateLimitPerMinute: number
  /** Requests in flight; 0 is no limit. */
  readonly concurrencyLimit: number
  /** What it may spend, and what all may together; the same list with every request of a policy. */
  readonly budgets: readonly BudgetCap[]
}

/** A client that is known by its token. */
export interface TokenClient extends Client {
  /** SHA-256 of the client token, 32 bytes. */
  readonly tokenHash: Buffer
}
