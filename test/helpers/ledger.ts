import { expect, vi } from 'vitest'

import type { LedgerStore } from '../../src/stores/ledger-store.ts'
import type { BudgetCap, Estimate, Reservation } from '../../src/usage/budget.ts'
import type { LedgerEntry } from '../../src/usage/ledger-entry.ts'
import { NO_USAGE } from '../../src/usage/usage.ts'

/** Noon of a day in the middle of a month, wherever that is. */
export const NOON = Date.parse('2026-10-14T12:00:00Z')

let ids = 0

/** An id that no other test has. */
export const nextId = (): string => `req_test_${++ids}`

export const moneyCap = (cap: number, rest: Partial<BudgetCap> = {}): BudgetCap => ({
  scope: 'client',
  period: 'day',
  unit: 'money',
  cap,
  ...rest,
})

export function makeEstimate(costMicros: number | undefined): Estimate {
  return { ...NO_USAGE, inputTokens: 10, costMicros }
}

export function makeReservation(parts: Partial<Reservation> = {}): Reservation {
  return {
    id: nextId(),
    at: NOON,
    clientId: 'alice',
    model: 'gpt-4o-mini',
    path: '/v1/chat/completions',
    currency: 'CNY',
    caps: [],
    minimumMicros: 1,
    wantedMicros: 1,
    estimate: () => makeEstimate(1),
    ...parts,
  }
}

/** The entry that a reservation ends in. */
export function makeEntry(
  reservation: Pick<Reservation, 'id'> & Partial<Reservation>,
  costMicros: number | undefined,
  parts: Partial<LedgerEntry> = {},
): LedgerEntry {
  return {
    ...NO_USAGE,
    id: reservation.id,
    at: reservation.at ?? NOON,
    clientId: reservation.clientId ?? 'alice',
    model: reservation.model ?? 'gpt-4o-mini',
    path: reservation.path ?? '/v1/chat/completions',
    currency: reservation.currency ?? 'CNY',
    status: 200,
    costMicros,
    isEstimated: false,
    firstByteMs: 12,
    durationMs: 345,
    bytes: 6789,
    ending: 'completed',
    upstreamRequestId: undefined,
    inputTokens: 100,
    outputTokens: 20,
    cachedTokens: 5,
    ...parts,
  }
}

/** The entries of a gateway, once there are so many. */
export function readEntries(
  { ledger }: { readonly ledger: Pick<LedgerStore, 'entries'> },
  count: number,
): Promise<LedgerEntry[]> {
  return vi.waitFor(async () => {
    const entries: LedgerEntry[] = []
    for await (const entry of ledger.entries({ from: 0, to: Date.now() + 60_000 }))
      entries.push(entry)
    expect(entries).toHaveLength(count)
    return entries
  }, 10_000)
}
