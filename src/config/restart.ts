import type { Secret } from '../secret.ts'
import type { Config } from './config.ts'
import { settingInfo } from './setting-kinds.ts'
import { type SettingName, type Settings, settingsShape } from './settings.ts'

/** What a reload takes up. Every other setting is read once: it stands in a socket, a connection or a client. */
export const LIVE_SETTINGS: readonly SettingName[] = [
  'openAccess',
  'allowedOrigins',
  'rateLimitPerMinute',
  'concurrencyLimit',
  'budgetPerDay',
  'budgetPerMonth',
  'quotaPerDay',
  'quotaPerMonth',
  'totalBudgetPerDay',
  'totalBudgetPerMonth',
  'totalQuotaPerDay',
  'totalQuotaPerMonth',
  'inFlightLimit',
  'authFailureLimitPerMinute',
  'bodyLimitMb',
  'trustProxy',
  'upstreamFirstByteTimeoutMs',
  'upstreamIdleTimeoutMs',
  'upstreamHeaderCountLimit',
  'sseHeartbeatMs',
  'drainTimeoutMs',
  'maxEventLoopDelayMs',
  'logLevel',
]

interface Pinned<T> {
  /** The settings, with the running value of each that only a restart can change. */
  readonly settings: T
  /** The variables whose new value waits for a restart. */
  readonly needsRestart: readonly string[]
}

/**
 * Keeps what cannot change while the process runs, before anything else is checked against it: what is safe on a
 * loopback address is not safe on the public one that is really listened on.
 */
export function pinRunning<T extends Settings>(next: T, running: Config | undefined): Pinned<T> {
  if (running === undefined) return { settings: next, needsRestart: [] }
  const live: ReadonlySet<string> = new Set(LIVE_SETTINGS)
  const before = new Map<string, unknown>(Object.entries(running))
  const after = new Map<string, unknown>(Object.entries(next))
  const fixed = Object.entries(settingsShape).filter(([name]) => !live.has(name))
  const changed = fixed.filter(([name]) => !isSame(after.get(name), before.get(name)))
  const kept = Object.fromEntries(fixed.map(([name]) => [name, before.get(name)]))
  return {
    settings: Object.assign({}, next, kept),
    needsRestart: changed.map(([name, schema]) => settingInfo.get(schema)?.env ?? name),
  }
}

/** The same for the admin token, whose paths stand in the router or do not. */
export function pinAdminToken(next: Secret | undefined, running: Config | undefined) {
  if (running === undefined) return { adminToken: next, isNew: false }
  const { adminToken } = running
  return { adminToken, isNew: next?.reveal() !== adminToken?.reveal() }
}

const isSame = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b)
