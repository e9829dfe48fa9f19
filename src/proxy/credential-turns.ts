import type { RawHeaders } from './connection-tokens.ts'
import { type CredentialPool, isRefusal, type Turn } from './credential-pool.ts'
import { parseRetryAfterMs } from './retry-after.ts'

/** The credentials that one request is sent with: one, and another where the upstream refused before it did any work. */
export interface CredentialTurns {
  /** The attempt that runs, or ran last. */
  readonly current: () => Turn
  /** The upstream answered; true when the request is to be sent again with what is now the current credential. */
  answered(status: number, rawHeaders: RawHeaders): boolean
  /** No answer will come; true as above. */
  failed(error: unknown): boolean
  /** The request is over, however it ended. */
  end(): void
}

/** With these nothing was done, and another credential may be taken. 429 is not one: the SDKs wait and ask again. */
const REPEATABLE_STATUSES: ReadonlySet<number> = new Set([401, 403, 428])

interface TurnsOptions {
  readonly model: string
  /** Whether the request's body is still whole, so that it can be sent a second time. */
  readonly isRepeatable: boolean
}

export function startTurns(
  pool: CredentialPool,
  { model, isRepeatable }: TurnsOptions,
): CredentialTurns {
  const first = pool.begin(model)
  if (first === undefined) throw new Error(`there is no credential for ${pool.origin}`)
  let current: Turn = first

  /** The second attempt is the last. */
  function takeNext(): boolean {
    if (!isRepeatable || current !== first) return false
    const next = pool.begin(model, first.credential)
    if (next === undefined) return false
    current = next
    return true
  }

  return {
    current: () => current,
    answered(status, rawHeaders) {
      const retryAfterMs = isRefusal(status) ? parseRetryAfterMs(rawHeaders, Date.now()) : undefined
      pool.end(current, { status, retryAfterMs })
      return REPEATABLE_STATUSES.has(status) && takeNext()
    },
    failed(error) {
      pool.end(current)
      return isConnectionRefused(error) && takeNext()
    },
    end() {
      pool.end(current)
      pool.release(first)
      pool.release(current)
    },
  }
}

/** Nobody listens: the upstream has not seen a byte. */
const isConnectionRefused = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && error.code === 'ECONNREFUSED'
