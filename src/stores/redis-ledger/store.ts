import { KeystowError } from '../../errors.ts'
import { createLimitLister, type Opening } from '../../usage/budget.ts'
import { createCalendar } from '../../usage/calendar.ts'
import { createCounterKeys } from '../../usage/counter-keys.ts'
import { toStoredEntry } from '../../usage/entry-codec.ts'
import type { LedgerNotice, LedgerStore } from '../ledger-store.ts'
import { createRedisConnection, type RedisConnectionOptions } from '../redis-connection.ts'
import { createRounds } from '../rounds.ts'
import { createEntering } from './entering.ts'
import { createLocalBudgets } from './local-budgets.ts'
import { createReads } from './reads.ts'
import { createResending } from './resending.ts'
import { createReservations, type Held } from './reservations.ts'

/** A reservation whose holder died is settled after this long; a living holder renews it. */
const LEASE_MS = 30_000

/** Every reservation is renewed in a third of its lease, in so many steps. */
const STEPS_PER_LEASE_THIRD = 20

/** Far more than a process can serve: past it, somebody opens requests and does not settle them. */
const MAX_HELD = 100_000

/** How often the reservations of the dead are looked for. */
const SWEEP_INTERVAL_MS = 5000

export interface RedisLedgerStoreOptions extends RedisConnectionOptions {
  /** An IANA name, the same for every instance: its days and months are those of the ledger. */
  readonly timeZone: string
  readonly retentionDays: number
  /** While Redis is away, `open` decides in this process on what was last known; `closed` refuses who has a budget. */
  readonly mode: 'open' | 'closed'
  /** Where settled entries wait while Redis is away; absent keeps them in memory alone. */
  readonly folder?: string | undefined
  readonly onNotice: (notice: LedgerNotice) => void
  /** Called for every call that Redis did not answer. */
  readonly onFailure: (error: unknown) => void
  /** Milliseconds since 1970. */
  readonly now?: () => number
  /** How long a reservation outlives its holder. */
  readonly leaseMs?: number
}

/**
 * Keeps the ledger in Redis, shared exactly by every instance on it. While Redis is away, what is settled waits
 * and is sent again: whoever is first enters it, nobody twice.
 */
export function createRedisLedgerStore(options: RedisLedgerStoreOptions): LedgerStore {
  const { retentionDays, mode, onFailure, now = Date.now, leaseMs = LEASE_MS } = options
  const calendar = createCalendar(options.timeZone)
  const connection = createRedisConnection({ url: options.url, onStateChange })
  const reservations = createReservations({ connection, calendar, leaseMs, now })
  const listLimits = createLimitLister(calendar)
  const entering = createEntering({ connection, calendar, retentionDays })
  const local = createLocalBudgets(createCounterKeys(calendar))
  const held = createRounds<Held>(STEPS_PER_LEASE_THIRD)
  const resending = createResending({ ...options, connection, entering, reservations })

  const renewal = setInterval(renewSome, leaseMs / 3 / STEPS_PER_LEASE_THIRD)
  const sweep = setInterval(() => void settleOrphans(), Math.min(SWEEP_INTERVAL_MS, leaseMs))
  let closing: Promise<void> | undefined
  renewal.unref()
  sweep.unref()

  function onStateChange(isReady: boolean, error?: Error): void {
    if (isReady) {
      local.forget()
      resending.start()
    }
    options.onStateChange(isReady, error)
  }

  function renewSome(): void {
    if (!connection.isReady()) return
    held.step((one) => {
      // What grows is renewed by that, and by what its holder knows afterwards.
      if (one.growth === undefined) void reservations.hold(one, 0).catch(onFailure)
    })
  }

  async function settleOrphans(): Promise<void> {
    if (!connection.isReady()) return
    try {
      for (const { lost, limits } of await reservations.claim()) {
        if (held.get(lost.id) === undefined) await entering.enter(lost, limits)
      }
    } catch (error) {
      onFailure(error)
    }
  }

  async function close(): Promise<void> {
    clearInterval(renewal)
    clearInterval(sweep)
    await resending.close()
    await connection.close()
  }

  async function decide(one: Held): Promise<Opening> {
    const { reservation, limits } = one
    try {
      const { opening, spent } = await reservations.open(reservation, limits)
      local.remember(limits, spent)
      return opening
    } catch (cause) {
      onFailure(cause)
      const isFree = limits.length === 0
      const opening = isFree || mode === 'open' ? local.open(reservation, limits) : undefined
      // It may have been granted all the same, with the answer lost on the way.
      if (opening?.isGranted !== true) resending.release(one)
      if (opening === undefined) throw unavailable(cause)
      return opening
    }
  }

  /** One after the other: each tells Redis what its holder was granted before. */
  async function growNow(one: Held, wantedMicros: number): Promise<number> {
    const { id } = one.reservation
    if (held.get(id) !== one) return 0
    let granted
    try {
      granted = await reservations.hold(one, wantedMicros)
    } catch (cause) {
      onFailure(cause)
      if (mode === 'closed' && one.limits.length > 0) throw unavailable(cause)
      granted = local.grow({ ...one, id }, wantedMicros)
    }
    one.grantedMicros += granted
    return granted
  }

  return {
    async open(reservation) {
      const { id } = reservation
      const known = held.get(id)
      if (known !== undefined) return { isGranted: true, grantedMicros: known.grantedMicros }
      if (held.count() >= MAX_HELD) throw unavailable(new Error('too many requests run'))
      const limits = listLimits(reservation)
      const one: Held = { reservation, limits, grantedMicros: 0 }
      const opening = await decide(one)
      if (opening.isGranted) held.set(id, { ...one, grantedMicros: opening.grantedMicros })
      return opening
    },
    async grow(id, wantedMicros) {
      const one = held.get(id)
      if (one === undefined) return 0
      const growth = (one.growth ?? Promise.resolve(0))
        .catch(() => 0)
        .then(() => growNow(one, wantedMicros))
      one.growth = growth
      try {
        return await growth
      } finally {
        if (one.growth === growth) one.growth = undefined
      }
    },
    async settle(entry) {
      const one = held.take(entry.id)
      const stored = toStoredEntry({ ...entry, at: one?.reservation.at ?? entry.at })
      local.settle(stored)
      try {
        await entering.enter(stored, one?.limits)
      } catch (error) {
        onFailure(error)
        resending.add(stored)
      }
    },
    correct: (entry, actual) => entering.correct(entry, actual),
    ...createReads(connection, calendar, now),
    stats: () => ({ inFlight: held.count(), isDurable: true, ...resending.stats() }),
    isReady: () => connection.isReady(),
    close: () => (closing ??= close()),
  }
}

/** What the client is told: nobody can say whether its budget allows the call. */
const unavailable = (cause: unknown): KeystowError =>
  new KeystowError('storeUnavailable', { cause, headers: { 'retry-after': '1' } })
