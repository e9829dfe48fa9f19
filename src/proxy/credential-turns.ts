import { codeOf } from '../thrown.ts'
import type { RawHeaders } from './connection-tokens.ts'
import { type CredentialPool, isRefusal, type Turn } from './credential-pool.ts'
import { parseRetryAfterMs } from './retry-after.ts'

/** The credentials that one request is sent with: one, and another where the upstream refused before it did any work. */
export interface CredentialTurns {
  readonly pool: CredentialPool
  readonly options: TurnsOptions
  readonly first: Turn
  /** The attempt that runs, or ran last. */
  current: Turn
}

/** With these nothing was done, and another credential may be taken. 429 is not one: the SDKs wait and ask again. */
const REPEATABLE_STATUSES: ReadonlySet<number> = new Set([401, 403, 428])

interface TurnsOptions {
  readonly model: string
  /** Whether the request's body is still whole, so that it can be sent a second time. */
  readonly isRepeatable: boolean
}

export function startTurns(pool: CredentialPool, options: TurnsOptions): CredentialTurns {
  const first = pool.begin(options.model)
  if (first === undefined) throw new Error(`there is no credential for ${pool.origin}`)
  return { pool, options, first, current: first }
}

/** The upstream answered; true when the request is to be sent again with what is now the current credential. */
export function noteAnswer(
  turns: CredentialTurns,
  status: number,
  rawHeaders: RawHeaders,
): boolean {
  const retryAfterMs = isRefusal(status) ? parseRetryAfterMs(rawHeaders, Date.now()) : undefined
  turns.pool.end(turns.current, { status, retryAfterMs })
  return REPEATABLE_STATUSES.has(status) && takeNext(turns)
}

/** No answer will come; true as above. */
export function noteFailure(turns: CredentialTurns, error: unknown): boolean {
  turns.pool.end(turns.current)
  return isConnectionRefused(error) && takeNext(turns)
}

/** The request is over, however it ended. */
export function endTurns({ pool, first, current }: CredentialTurns): void {
  pool.end(current)
  pool.release(first)
  pool.release(current)
}

/** The second attempt is the last. */
function takeNext(turns: CredentialTurns): boolean {
  const { pool, options, first } = turns
  if (!options.isRepeatable || turns.current !== first) return false
  const next = pool.begin(options.model, first.credential)
  if (next === undefined) return false
  turns.current = next
  return true
}

/** Nobody listens: the upstream has not seen a byte. */
const isConnectionRefused = (error: unknown): boolean => codeOf(error) === 'ECONNREFUSED'
