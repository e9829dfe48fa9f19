import type { ListLimits, Opening } from '../../usage/budget.ts'
import type { LedgerStore } from '../ledger-store.ts'
import type { Rounds } from '../rounds.ts'
import { settledMeanwhile, unavailable } from '../unavailable.ts'
import type { LocalBudgets } from './local-budgets.ts'
import type { Held, Reservations } from './reservations.ts'

/** Far more than a process can serve: past it, somebody opens requests and does not settle them. */
const MAX_HELD = 100_000

interface GrantingOptions {
  readonly held: Rounds<Held>
  /** Those that Redis is asked for; taken out by whoever settles one meanwhile. */
  readonly opening: Rounds<Held>
  readonly reservations: Reservations
  readonly listLimits: ListLimits
  readonly local: LocalBudgets
  readonly mode: 'open' | 'closed'
  readonly onFailure: (error: unknown) => void
  /** The call is refused, and whether Redis has granted it nobody knows. */
  readonly onUnmade: (held: Held) => void
}

/** Grants by Redis, and while it is away as the mode says. */
export function createGranting(options: GrantingOptions): Pick<LedgerStore, 'open' | 'grow'> {
  const { held, opening, reservations, local, mode, onFailure, onUnmade } = options

  async function decide(one: Held): Promise<Opening> {
    const { reservation, limits } = one
    try {
      const opened = await reservations.open(reservation, limits)
      local.remember(limits, opened.spent)
      return opened.opening
    } catch (cause) {
      onFailure(cause)
      const isWanted = opening.get(reservation.id) !== undefined
      const isLocal = isWanted && (mode === 'open' || limits.length === 0)
      const granted = isLocal ? local.open(reservation, limits) : undefined
      if (granted?.isGranted !== true) onUnmade(one)
      if (granted === undefined) throw unavailable(cause)
      return granted
    }
  }

  async function growNow(one: Held, wantedMicros: number): Promise<number> {
    const { id } = one.reservation
    const isHeld = (): boolean => held.get(id) === one
    if (!isHeld()) return 0
    try {
      return await reservations.hold(one, wantedMicros)
    } catch (cause) {
      onFailure(cause)
      if (!isHeld()) return 0
      if (mode === 'closed' && one.limits.length > 0) throw unavailable(cause)
      return local.grow({ ...one, id }, wantedMicros)
    }
  }

  return {
    async open(reservation) {
      const { id } = reservation
      const known = held.get(id)
      if (known !== undefined) return { isGranted: true, grantedMicros: known.grantedMicros }
      if (held.count() >= MAX_HELD) throw unavailable(new Error('too many requests run'))
      const limits = options.listLimits(reservation)
      const one: Held = { reservation, limits, grantedMicros: 0 }
      opening.set(id, one)
      try {
        const granted = await decide(one)
        if (!granted.isGranted || held.get(id) !== undefined) return granted
        if (opening.get(id) === undefined) {
          // Settled meanwhile: it may have been entered before it was granted, and nobody would give that back.
          onUnmade(one)
          throw settledMeanwhile()
        }
        held.set(id, { ...one, grantedMicros: granted.grantedMicros })
        return granted
      } finally {
        opening.take(id)
      }
    },
    async grow(id, wantedMicros) {
      const one = held.get(id)
      if (one === undefined) return 0
      // One after the other: each tells Redis what its holder was granted before.
      const growth = (one.growth ?? Promise.resolve(0))
        .catch(() => 0)
        .then(async () => {
          const granted = await growNow(one, wantedMicros)
          one.grantedMicros += granted
          return granted
        })
      one.growth = growth
      try {
        return await growth
      } finally {
        if (one.growth === growth) one.growth = undefined
      }
    },
  }
}
