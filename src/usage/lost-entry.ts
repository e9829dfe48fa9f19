import type { Estimate, Reservation } from './budget.ts'
import { toStoredEntry } from './entry-codec.ts'
import type { LedgerEntry } from './ledger-entry.ts'

/** The entry of a request whose process dies now. Nobody knows what the client was told: the status is 0. */
export function lostEntryOf(
  reservation: Reservation,
  now: number,
  estimate: Estimate = reservation.estimate(),
): LedgerEntry {
  const { id, at, clientId, model, path, currency } = reservation
  return toStoredEntry({
    ...estimate,
    id,
    at,
    clientId,
    model,
    path,
    status: 0,
    currency,
    isEstimated: true,
    firstByteMs: undefined,
    durationMs: now - at,
    bytes: 0,
    ending: 'lost',
    upstreamRequestId: undefined,
  })
}

/** A holder that was taken for dead knows better than whoever settled for it. */
export const supersedes = (entry: LedgerEntry, former: LedgerEntry): boolean =>
  former.ending === 'lost' && entry.ending !== 'lost'
