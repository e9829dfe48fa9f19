import { grantOf, isEnough, type Limit, needOf, type Opening, type Reservation } from './budget.ts'
import type { CounterKeys } from './counter-keys.ts'
import { createTallies, type Tallies, type Tally } from './tallies.ts'

/** Decides on budgets in memory. What was spent before it is told by a ledger, and keeps up with from then on. */
export interface BudgetBook extends Pick<Tallies, 'keys' | 'ask' | 'trim'> {
  /** The counters of these limits that it has not been told of. */
  missing(limits: readonly Limit[]): readonly string[]
  reserve(
    id: string,
    limits: readonly Limit[],
    amounts: Pick<Reservation, 'minimumMicros' | 'wantedMicros'>,
  ): Opening
  /** Takes over what was granted elsewhere, whether or not it is left here. */
  adopt(id: string, limits: readonly Limit[], grantedMicros: number): void
  grow(id: string, wantedMicros: number): number
  release(id: string): void
  /** Charges a request that has ended: what it cost, and whether it counts. */
  charge(keys: CounterKeys, costMicros: number, count: number): void
}

const NOTHING: readonly string[] = []

interface Hold {
  readonly limits: readonly Limit[]
  /** Of each limit. */
  readonly tallies: readonly Tally[]
  grantedMicros: number
}

export function createBudgetBook(maxTallies?: number): BudgetBook {
  const tallies = createTallies(maxTallies)
  const holds = new Map<string, Hold>()

  const isKnown = ({ counterKey }: Limit): boolean => tallies.isKnown(counterKey)

  const talliesOf = (limits: readonly Limit[]): Tally[] =>
    limits.map(({ counterKey }) => tallies.get(counterKey))

  function hold(id: string, made: Hold): void {
    holds.set(id, made)
    reserveOf(made, made.grantedMicros, 1)
  }

  return {
    ...tallies,
    adopt(id, limits, grantedMicros) {
      hold(id, { limits, tallies: talliesOf(limits), grantedMicros })
    },
    missing(limits) {
      if (limits.every(isKnown)) return NOTHING
      return limits.filter((limit) => !isKnown(limit)).map(({ counterKey }) => counterKey)
    },
    reserve(id, limits, amounts) {
      let grantedMicros = Infinity
      const held = talliesOf(limits)
      for (const [index, tally] of held.entries()) {
        const limit = limits[index]
        if (limit === undefined) break
        const left = leftOf(limit, tally)
        if (!isEnough(left, needOf(limit, amounts))) return { isGranted: false, refusal: limit }
        if (limit.unit === 'money') grantedMicros = Math.min(grantedMicros, grantOf(left, amounts))
      }
      hold(id, { limits, tallies: held, grantedMicros })
      return { isGranted: true, grantedMicros }
    },
    grow(id, wantedMicros) {
      const held = holds.get(id)
      if (held === undefined) return 0
      const lefts = held.limits
        .filter(({ unit }) => unit === 'money')
        .map((limit) => leftOf(limit, tallies.get(limit.counterKey)))
      const grantedMicros = Math.max(Math.min(wantedMicros, ...lefts), 0)
      held.grantedMicros += grantedMicros
      reserveOf(held, grantedMicros, 0)
      return grantedMicros
    },
    release(id) {
      const held = holds.get(id)
      if (held === undefined) return
      holds.delete(id)
      reserveOf(held, -held.grantedMicros, -1)
    },
    charge({ money, requests }, costMicros, count) {
      tallies.add(money, costMicros)
      tallies.add(requests, count)
    },
  }
}

const leftOf = (limit: Limit, { spent, reserved }: Tally): number =>
  limit.cap - (spent ?? 0) - reserved

function reserveOf({ limits, tallies }: Hold, micros: number, requests: number): void {
  for (let index = 0; index < limits.length; index++) {
    const tally = tallies[index]
    if (tally !== undefined) tally.reserved += limits[index]?.unit === 'money' ? micros : requests
  }
}
