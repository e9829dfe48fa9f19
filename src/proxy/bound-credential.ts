import { hash } from 'node:crypto'

import type { Secret } from '../secret.ts'
import { type CoolDowns, createCoolDowns } from './cool-downs.ts'

/** How requests with a credential went: by the status of a refusal, or all other answers together. */
export const OUTCOMES = ['ok', '401', '403', '428', '429', 'error', 'unanswered'] as const
export type Outcome = (typeof OUTCOMES)[number]

/** A credential at the one origin it is sent to, and what is known of it there. */
export interface BoundCredential {
  readonly origin: string
  readonly secret: Secret
  /** Names it without giving it away: the first 8 hex digits of its SHA-256. */
  readonly fingerprint: string
  readonly coolDowns: CoolDowns
  /** Requests that ended so. */
  readonly outcomes: Record<Outcome, number>
}

/** Every credential that the process may send, or that an answer may still hold. */
export interface CredentialRing {
  /** Always the same object for the same credential and origin, so that what is known survives a reload. */
  bind(origin: string, secret: Secret): BoundCredential
  /** Whether the process has known the credential, but not for this origin. */
  isBoundElsewhere(origin: string, secret: Secret): boolean
  /** These are in use from now on, and no others. */
  retain(inUse: ReadonlySet<BoundCredential>): void
  /** A request goes out with it: it stays known until as many releases. */
  hold(credential: BoundCredential): void
  release(credential: BoundCredential): void
}

interface RingOptions {
  /** Is told of each credential before anything can be sent with it. */
  readonly onNew: (secret: Secret) => void
  /** Is told of each that nothing can be sent with any more, and that no running request was sent with. */
  readonly onForgotten?: (secret: Secret) => void
}

const FINGERPRINT_LENGTH = 8

/** An upstream may show keys for some time after they were replaced; a key file that changes for ever fills no memory. */
const MAX_RETIRED = 64

/** The places of more than can be replaced unnoticed: a key led elsewhere must not be forgotten first. */
const MAX_PLACES = 10_000

export function createCredentialRing(options: RingOptions): CredentialRing {
  const { onNew, onForgotten = () => {} } = options
  const bound = new Map<string, BoundCredential>()
  const origins = new Map<string, Set<string>>()
  const current = new Set<BoundCredential>()
  /** In the order in which they were replaced. */
  const retired = new Set<BoundCredential>()
  const uses = new Map<BoundCredential, number>()

  function remember(digest: string, origin: string): void {
    const known = origins.get(digest) ?? new Set()
    // Anew at the end: what is in use is never the oldest.
    origins.delete(digest)
    const [oldest] = origins.keys()
    if (oldest !== undefined && origins.size >= MAX_PLACES) origins.delete(oldest)
    origins.set(digest, known.add(origin))
  }

  function forgetOldest(): void {
    const idle = [...retired].filter((credential) => !uses.has(credential))
    for (const credential of idle.slice(0, Math.max(0, idle.length - MAX_RETIRED))) {
      retired.delete(credential)
      const place = placeOf(credential)
      if (bound.get(place) === credential) bound.delete(place)
      const value = credential.secret.reveal()
      const isKnown = [...current, ...retired].some(({ secret }) => secret.reveal() === value)
      if (!isKnown) onForgotten(credential.secret)
    }
  }

  return {
    isBoundElsewhere(origin, secret) {
      const known = origins.get(digestOf(secret))
      return known !== undefined && !known.has(origin)
    },
    bind(origin, secret) {
      const place = placeOf({ origin, secret })
      const known = bound.get(place)
      const credential = known ?? createBound(origin, secret)
      if (known === undefined) onNew(secret)
      remember(digestOf(secret), origin)
      bound.set(place, credential)
      retired.delete(credential)
      current.add(credential)
      return credential
    },
    retain(inUse) {
      for (const credential of current) {
        if (inUse.has(credential)) continue
        current.delete(credential)
        retired.add(credential)
      }
      forgetOldest()
    },
    hold(credential) {
      // A request that has been read for long may have been overtaken by many reloads.
      if (!current.has(credential) && !retired.has(credential)) {
        onNew(credential.secret)
        retired.add(credential)
      }
      uses.set(credential, (uses.get(credential) ?? 0) + 1)
    },
    release(credential) {
      const left = (uses.get(credential) ?? 0) - 1
      if (left > 0) {
        uses.set(credential, left)
        return
      }
      uses.delete(credential)
      if (retired.has(credential)) forgetOldest()
    },
  }
}

const digestOf = (secret: Secret): string => hash('sha256', secret.reveal())

const placeOf = ({ origin, secret }: Pick<BoundCredential, 'origin' | 'secret'>): string =>
  `${digestOf(secret)} ${origin}`

function createBound(origin: string, secret: Secret): BoundCredential {
  return Object.freeze({
    origin,
    secret,
    fingerprint: digestOf(secret).slice(0, FINGERPRINT_LENGTH),
    coolDowns: createCoolDowns(),
    outcomes: { ok: 0, 401: 0, 403: 0, 428: 0, 429: 0, error: 0, unanswered: 0 },
  })
}
