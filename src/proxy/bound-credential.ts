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

/** Every credential that the process has sent or may send, for as long as it lives. */
export interface CredentialRing {
  /** Always the same object for the same credential and origin, so that what is known survives a reload. */
  bind(origin: string, secret: Secret): BoundCredential
  /** Whether the process knows the credential, but not for this origin. */
  isBoundElsewhere(origin: string, secret: Secret): boolean
}

const FINGERPRINT_LENGTH = 8

/** `onNew` is told of each credential before anything can be sent with it. */
export function createCredentialRing(onNew: (secret: Secret) => void): CredentialRing {
  const byDigest = new Map<string, Map<string, BoundCredential>>()
  return {
    isBoundElsewhere(origin, secret) {
      const byOrigin = byDigest.get(hash('sha256', secret.reveal()))
      return byOrigin !== undefined && !byOrigin.has(origin)
    },
    bind(origin, secret) {
      const digest = hash('sha256', secret.reveal())
      const byOrigin = byDigest.get(digest) ?? new Map<string, BoundCredential>()
      const known = byOrigin.get(origin)
      if (known !== undefined) return known
      onNew(secret)
      const credential: BoundCredential = Object.freeze({
        origin,
        secret,
        fingerprint: digest.slice(0, FINGERPRINT_LENGTH),
        coolDowns: createCoolDowns(),
        outcomes: { ok: 0, 401: 0, 403: 0, 428: 0, 429: 0, error: 0, unanswered: 0 },
      })
      byDigest.set(digest, byOrigin.set(origin, credential))
      return credential
    },
  }
}
