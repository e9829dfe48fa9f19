import type { IsTrustedProxy } from '../clients/address.ts'
import type { TokenClient } from '../clients/client.ts'
import type { FamilyConfig } from '../proxy/family.ts'
import type { Secret } from '../secret.ts'
import type { BudgetCap } from '../usage/budget.ts'
import type { Pricing } from '../usage/pricing.ts'
import type { Settings } from './settings.ts'

/** Everything that was decided at start; frozen, and without a secret that could be printed. */
export interface Config extends Omit<Settings, 'trustProxy'> {
  readonly isTrustedProxy: IsTrustedProxy
  /** Whether whoever calls is on this machine, and calls without a proxy that is known of. */
  readonly isOnlyLocal: boolean
  readonly adminToken: Secret | undefined
  readonly clients: readonly TokenClient[]
  /** The caps of every client that has none of its own. */
  readonly defaultBudgets: readonly BudgetCap[]
  readonly families: readonly FamilyConfig[]
  readonly pricing: Pricing
  /** Path prefixes that are closed by default and that the operator opened. */
  readonly openPaths: readonly string[]
  /** Files that hold secrets, by their paths. */
  readonly secretFiles: readonly string[]
  /** A client token made for this run only, to be printed once; absent when clients were configured. */
  readonly generatedToken: Secret | undefined
}
