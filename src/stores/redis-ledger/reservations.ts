import {
  isInMoney,
  type Limit,
  MAX_SHARE,
  type Opening,
  type Reservation,
} from '../../usage/budget.ts'
import type { Calendar } from '../../usage/calendar.ts'
import type { LedgerEntry } from '../../usage/ledger-entry.ts'
import { lostEntryOf } from '../../usage/lost-entry.ts'
import type { RedisConnection } from '../redis-connection.ts'
import { COUNTER_RETENTION_S } from './entering.ts'
import {
  budgetKey,
  entriesKey,
  formatHeld,
  type HeldLimit,
  LEASES_KEY,
  parseHeld,
  reservationKey,
} from './keys.ts'
import { CLAIM, HOLD, OPEN, RELEASE } from './scripts.ts'

/** Leases that ran out are settled this many at once, by an instance that has this long for it. */
const CLAIMED_AT_ONCE = 100
const CLAIM_MS = 10_000

/** A reservation of this process. */
export interface Held {
  readonly reservation: Reservation
  readonly limits: readonly Limit[]
  grantedMicros: number
  /** While it grows. */
  growth?: Promise<number> | undefined
}

/** A reservation whose holder is dead. */
export interface Orphan {
  readonly lost: LedgerEntry
  readonly limits: readonly HeldLimit[]
}

interface Opened {
  readonly opening: Opening
  /** What is spent of each limit. */
  readonly spent: readonly number[]
}

/** Reservations in Redis, each a lease on Redis' own clock. */
export interface Reservations {
  open(reservation: Reservation, limits: readonly Limit[]): Promise<Opened>
  /** Renews a lease with what its request has used by now, and grants more as far as it is left. */
  hold(held: Held, wantedMicros: number): Promise<number>
  release(held: Held): Promise<void>
  /** Reservations whose lease has run out; nobody else is given them for a while. */
  claim(): Promise<Orphan[]>
}

interface ReservationsOptions {
  readonly connection: RedisConnection
  readonly calendar: Calendar
  readonly leaseMs: number
  readonly now: () => number
}

export function createReservations(options: ReservationsOptions): Reservations {
  const { connection, calendar, now } = options
  const leaseMs = String(options.leaseMs)
  const retentionS = String(COUNTER_RETENTION_S)

  const recordOf = (reservation: Reservation, limits: readonly Limit[]): string =>
    formatHeld(lostEntryOf(reservation, now()), limits)

  return {
    async open(reservation, limits) {
      const { id, minimumMicros, wantedMicros } = reservation
      const amounts = [minimumMicros, wantedMicros, MAX_SHARE].map(String)
      const reply = await connection.run(OPEN, keysOf(id, limits), [
        id,
        recordOf(reservation, limits),
        ...amounts,
        leaseMs,
        retentionS,
        ...capsOf(limits),
      ])
      const [granted, refusing, spent]: unknown[] = Array.isArray(reply) ? reply : []
      const refusal = limits[Number(refusing)]
      const isMoney = isInMoney(limits)
      return {
        opening:
          granted === '-1' && refusal !== undefined
            ? { isGranted: false, refusal }
            : { isGranted: true, grantedMicros: isMoney ? Number(granted) : Infinity },
        spent: Array.isArray(spent) ? spent.map(Number) : [],
      }
    },
    async hold({ reservation, limits, grantedMicros }, wantedMicros) {
      const [own, leases, ...counters] = keysOf(reservation.id, limits)
      const entries = entriesKey(calendar.day(reservation.at).key)
      const reply = await connection.run(
        HOLD,
        [own, leases, entries, ...counters],
        [
          reservation.id,
          recordOf(reservation, limits),
          String(Number.isFinite(grantedMicros) ? grantedMicros : 0),
          String(wantedMicros),
          leaseMs,
          retentionS,
          ...capsOf(limits),
        ],
      )
      return Number(reply)
    },
    async release({ reservation: { id }, limits }) {
      await connection.run(RELEASE, keysOf(id, limits), [id, ...limits.map(({ unit }) => unit)])
    },
    async claim() {
      const claim = [String(CLAIM_MS), String(CLAIMED_AT_ONCE)]
      const reply = await connection.run(CLAIM, [LEASES_KEY], claim)
      const ids = Array.isArray(reply) ? reply.map(String) : []
      const found = await Promise.all(ids.map((id) => findOrphan(connection, id)))
      return found.filter((orphan) => orphan !== undefined)
    },
  }
}

async function findOrphan(connection: RedisConnection, id: string): Promise<Orphan | undefined> {
  const record = await connection.send((client) => client.hGet(reservationKey(id), 'record'))
  if (typeof record === 'string') return parseHeld(record)
  // Its holder was only late, and has settled it by now.
  await connection.send((client) => client.zRem(LEASES_KEY, id))
  return undefined
}

const keysOf = (id: string, limits: readonly Limit[]): [string, string, ...string[]] => [
  reservationKey(id),
  LEASES_KEY,
  ...limits.map(({ counterKey }) => budgetKey(counterKey)),
]

const capsOf = (limits: readonly Limit[]): string[] =>
  limits.flatMap(({ unit, cap }) => [unit, String(cap)])
