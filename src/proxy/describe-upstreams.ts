import type { Outcome } from './bound-credential.ts'
import type { CredentialPool } from './credential-pool.ts'
import type { Family } from './family.ts'

/** What an operator may read of an upstream's keys: nothing of it could be used. */
interface UpstreamDescription {
  readonly origin: string
  readonly families: readonly string[]
  readonly keys: readonly KeyDescription[]
}

interface KeyDescription {
  /** The first 8 hex digits of its SHA-256. */
  readonly fingerprint: string
  readonly weight: number
  readonly state: 'ready' | 'cooling'
  /** Requests that ended so, since the process started. */
  readonly answers: Readonly<Record<Outcome, number>>
  readonly coolDowns: readonly CoolDownDescription[]
}

interface CoolDownDescription {
  readonly model: string
  readonly status: number
  readonly failures: number
  /** 0 when the next request finds out whether it is over. */
  readonly freeInMs: number
  readonly isProbed: boolean
}

/** The pools behind these families, one entry each. */
export function describeUpstreams(families: readonly Family[]): readonly UpstreamDescription[] {
  const names = new Map<CredentialPool, string[]>()
  for (const { name, pool } of families) names.set(pool, [...(names.get(pool) ?? []), name])
  return [...names].map(([pool, families]) => ({
    origin: pool.origin,
    families,
    keys: describeKeys(pool),
  }))
}

function describeKeys({ members, now }: CredentialPool): readonly KeyDescription[] {
  const at = now()
  return members.map(({ credential: { fingerprint, outcomes, coolDowns }, weight }) => {
    const resting = coolDowns.list().map(({ model, status, failures, until, probedUntil }) => {
      const freeInMs = Math.max(Math.ceil(until - at), 0)
      return { model, status, failures, freeInMs, isProbed: probedUntil > at }
    })
    const state = resting.length === 0 ? 'ready' : 'cooling'
    return { fingerprint, weight, state, answers: { ...outcomes }, coolDowns: resting }
  })
}
