import type { Secret } from '../secret.ts'
import type { BoundCredential, CredentialRing, Outcome } from './bound-credential.ts'

/** A credential, and how often it is chosen beside the others of its pool. */
export interface WeightedCredential {
  readonly credential: Secret
  readonly weight: number
}

/** One attempt of a request, with one credential. */
export interface Turn {
  readonly credential: BoundCredential
  readonly model: string
  readonly startedAt: number
  /** Whether it finds out if the credential's rest is over. */
  readonly isProbe: boolean
  isOver: boolean
  isReleased: boolean
}

interface Answer {
  readonly status: number
  readonly retryAfterMs?: number | undefined
}

interface Member {
  readonly credential: BoundCredential
  readonly weight: number
  /** Grows with each choice by the weight, and shrinks by all weights together when it is the one that is chosen. */
  current: number
}

/** The credentials of one origin, of which each request is sent with one. */
export interface CredentialPool {
  readonly origin: string
  readonly members: readonly Readonly<Member>[]
  /** The clock of its times. */
  readonly now: () => number
  /** Chooses a credential, other than the one of `except`; undefined when there is no other. */
  begin(model: string, except?: BoundCredential): Turn | undefined
  /** The attempt is over, with this answer or without one; only the first word on it counts. */
  end(turn: Turn, answer?: Answer): void
  /** Nothing of its answer will come any more. */
  release(turn: Turn): void
}

/** How an upstream turns a credential away: unknown, not allowed, out of points (a reseller), too often. */
const REFUSALS: ReadonlyMap<number, Outcome> = new Map([
  [401, '401'],
  [403, '403'],
  [428, '428'],
  [429, '429'],
])

export const isRefusal = (status: number): boolean => REFUSALS.has(status)

interface PoolOptions {
  readonly origin: string
  readonly ring: CredentialRing
  /** Milliseconds of a clock that never goes back. */
  readonly now?: () => number
}

/**
 * Takes turns by weight (nginx's smooth round-robin) among the credentials that do not rest from the model. When all
 * of them rest, the one whose rest ends first is used all the same: nobody is refused for what an upstream may say.
 */
export function createCredentialPool(
  credentials: readonly WeightedCredential[],
  { origin, ring, now = () => performance.now() }: PoolOptions,
): CredentialPool {
  const members = toMembers(credentials, (secret) => ring.bind(origin, secret))

  function choose(
    model: string,
    at: number,
    except: BoundCredential | undefined,
  ): Member | undefined {
    let chosen: Member | undefined
    let soonest: Member | undefined
    let soonestWaitMs = Infinity
    let total = 0
    for (const member of members) {
      if (member.credential === except) continue
      const waitMs = member.credential.coolDowns.waitMs(model, at)
      if (waitMs === 0) {
        total += member.weight
        member.current += member.weight
        if (chosen === undefined || member.current > chosen.current) chosen = member
      } else if (waitMs < soonestWaitMs) {
        soonest = member
        soonestWaitMs = waitMs
      }
    }
    if (chosen !== undefined) chosen.current -= total
    return chosen ?? soonest
  }

  return {
    origin,
    members,
    now,
    begin(model, except) {
      const at = now()
      const credential = choose(model, at, except)?.credential
      if (credential === undefined) return undefined
      const isProbe = credential.coolDowns.begin(model, at)
      ring.hold(credential)
      return { credential, model, startedAt: at, isProbe, isOver: false, isReleased: false }
    },
    release(turn) {
      if (turn.isReleased) return
      turn.isReleased = true
      ring.release(turn.credential)
    },
    end(turn, answer) {
      if (turn.isOver) return
      turn.isOver = true
      const { credential, model, startedAt, isProbe } = turn
      const { coolDowns, outcomes } = credential
      const outcome = outcomeOf(answer?.status)
      outcomes[outcome]++
      if (answer !== undefined && isRefusal(answer.status)) {
        const { status, retryAfterMs } = answer
        coolDowns.refuse(model, { status, retryAfterMs, startedAt }, now())
      } else if (outcome === 'ok') coolDowns.succeed(model, startedAt)
      // A failure of the upstream's own says nothing about the credential.
      else if (isProbe) coolDowns.giveUpProbe(model)
    },
  }
}

/** A credential that is named twice has both weights. */
function toMembers(
  credentials: readonly WeightedCredential[],
  bind: (secret: Secret) => BoundCredential,
): readonly Member[] {
  const weights = new Map<BoundCredential, number>()
  for (const { credential, weight } of credentials) {
    const bound = bind(credential)
    weights.set(bound, (weights.get(bound) ?? 0) + weight)
  }
  return [...weights].map(([credential, weight]) => ({ credential, weight, current: 0 }))
}

function outcomeOf(status: number | undefined): Outcome {
  if (status === undefined) return 'unanswered'
  return REFUSALS.get(status) ?? (status < 500 ? 'ok' : 'error')
}
