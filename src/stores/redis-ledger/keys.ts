import type { Limit } from '../../usage/budget.ts'
import { entryFromCells, entryToCells } from '../../usage/entry-codec.ts'
import type { LedgerEntry } from '../../usage/ledger-entry.ts'

/** One hash tag, so that a script finds all its keys on one node. */
const PREFIX = 'keystow:{ledger}'

export const LEASES_KEY = `${PREFIX}:leases`

export const reservationKey = (id: string): string => `${PREFIX}:reservation:${id}`
export const entriesKey = (day: string): string => `${PREFIX}:entries:${day}`
/** A client's sums of a day. */
export const usageKey = (day: string, clientId: string): string =>
  `${PREFIX}:usage:${day}:${clientId}`
/** The clients that have sums of a day. */
export const clientsKey = (day: string): string => `${PREFIX}:clients:${day}`
export const budgetKey = (counterKey: string): string => `${PREFIX}:budget:${counterKey}`

/** What a script must know of a limit to give back what is reserved of it. */
export type HeldLimit = Pick<Limit, 'counterKey' | 'unit'>

export const formatEntry = (entry: LedgerEntry): string => JSON.stringify(entryToCells(entry))

export function parseEntry(text: string): LedgerEntry {
  const cells: unknown = JSON.parse(text)
  return entryFromCells(Array.isArray(cells) ? cells : [])
}

/** What stands in a reservation: the entry of its request were it lost now, and what it is limited by. */
export function formatHeld(lost: LedgerEntry, limits: readonly HeldLimit[]): string {
  const held = limits.map(({ counterKey, unit }) => [counterKey, unit])
  return JSON.stringify([entryToCells(lost), held])
}

export function parseHeld(text: string): { lost: LedgerEntry; limits: HeldLimit[] } {
  const [cells, held]: unknown[] = JSON.parse(text)
  const pairs: unknown[] = Array.isArray(held) ? held : []
  return {
    lost: entryFromCells(Array.isArray(cells) ? cells : []),
    limits: pairs.map((pair) => {
      const [counterKey, unit]: unknown[] = Array.isArray(pair) ? pair : []
      return { counterKey: String(counterKey), unit: unit === 'money' ? 'money' : 'requests' }
    }),
  }
}
