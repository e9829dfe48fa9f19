import { createLimitLister } from '../../usage/budget.ts'
import { createCalendar } from '../../usage/calendar.ts'
import { createCounterKeys } from '../../usage/counter-keys.ts'
import { toStoredEntry } from '../../usage/entry-codec.ts'
import type { LedgerNotice, LedgerStore } from '../ledger-store.ts'
import { createRedisConnection, type RedisConnectionOptions } from '../redis-connection.ts'
import { createRounds } from '../rounds.ts'
import { createEntering } from './entering.ts'
import { createGranting } from './granting.ts'
import { createLocalBudgets } from './local-budgets.ts'
import { createReads } from './reads.ts'
import { createResending } from './resending.ts'
import { createReservations, type Held } from './reservations.ts'

/** A reservation whose holder died is settled after this long; a living holder renews it. */
const LEASE_MS = 30_000

/** Every reservation is renewed in a third of its lease, in so many steps. */
const STEPS_PER_LEASE_THIRD = 20

/** How often the reservations of the dead are looked for. */
const SWEEP_INTERVAL_MS = 5000

interface RedisLedgerStoreOptions extends RedisConnectionOptions {
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
  const opening = createRounds<Held>(1)
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

  return {
    ...createGranting({
      held,
      opening,
      reservations,
      listLimits,
      local,
      mode,
      onFailure,
      onUnmade: (one) => resending.release(one),
    }),
    async settle(entry) {
      const asked = opening.take(entry.id)
      const one = held.take(entry.id) ?? asked
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
