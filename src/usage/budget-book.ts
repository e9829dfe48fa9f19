import { grantOf, type Limit, needOf, type Opening, type Reservation } from './budget.ts'
import type { CounterKeys } from './counter-keys.ts'

/** Counters kept at once; past it those that nobody holds are forgotten, and asked for again when they are needed. */
const MAX_TALLIES = 100_000

/** Takes what the ledger says of the counters that were asked for, in their order. */
export type TellSpent = (spent: readonly number[]) => void

/**
 * Decides on budgets in memory. What was spent before it is told by a ledger, and it keeps up from then on.
 */
export interface BudgetBook {
  /** The counters of these limits that it has not been told of. */
  missing(limits: readonly Limit[]): readonly string[]
  /** Every counter it keeps. */
  known(): string[]
  /** To be called when the ledger is asked: what is charged until it answers comes on top of the answer. */
  ask(counterKeys: readonly string[]): TellSpent
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
  /** Forgets counters that nobody holds while there are too many. */
  trim(): void
}

const NOTHING: readonly string[] = []

interface Tally {
  /** Undefined until it has been told. */
  spent: number | undefined
  reserved: number
  /** Charged since it was last asked for. */
  since: number
  /** The newest question; an older one's answer no longer counts. */
  question: number
}

interface Hold {
  readonly limits: readonly Limit[]
  /** Of each limit. */
  readonly tallies: readonly Tally[]
  grantedMicros: number
}

export function createBudgetBook(maxTallies = MAX_TALLIES): BudgetBook {
  const tallies = new Map<string, Tally>()
  const holds = new Map<string, Hold>()
  let questions = 0

  function tallyOf(key: string): Tally {
    const found = tallies.get(key)
    if (found !== undefined) return found
    const made = { spent: undefined, reserved: 0, since: 0, question: 0 }
    tallies.set(key, made)
    return made
  }

  function hold(id: string, limits: readonly Limit[], grantedMicros: number): void {
    const held = limits.map(({ counterKey }) => tallyOf(counterKey))
    const made = { limits, tallies: held, grantedMicros: 0 }
    holds.set(id, made)
    count(made, 1)
    extend(made, grantedMicros)
  }

  function add(counterKey: string, amount: number): void {
    const tally = tallies.get(counterKey)
    if (tally === undefined) return
    tally.since += amount
    if (tally.spent !== undefined) tally.spent += amount
  }

  return {
    missing(limits) {
      const isKnown = ({ counterKey }: Limit): boolean =>
        tallies.get(counterKey)?.spent !== undefined
      if (limits.every(isKnown)) return NOTHING
      return limits.filter((limit) => !isKnown(limit)).map(({ counterKey }) => counterKey)
    },
    known: () => [...tallies.keys()],
    ask(counterKeys) {
      const question = ++questions
      const asked = counterKeys.map(tallyOf)
      for (const tally of asked) Object.assign(tally, { since: 0, question })
      return (spent) => {
        for (const [index, tally] of asked.entries()) {
          if (tally.question === question) tally.spent = (spent[index] ?? 0) + tally.since
        }
      }
    },
    reserve(id, limits, amounts) {
      let grantedMicros = Infinity
      for (const limit of limits) {
        const left = leftOf(limit, tallyOf(limit.counterKey))
        if (left < needOf(limit, amounts)) return { isGranted: false, refusal: limit }
        if (limit.unit === 'money') grantedMicros = Math.min(grantedMicros, grantOf(left, amounts))
      }
      hold(id, limits, grantedMicros)
      return { isGranted: true, grantedMicros }
    },
    adopt: hold,
    grow(id, wantedMicros) {
      const found = holds.get(id)
      if (found === undefined) return 0
      let grantedMicros = wantedMicros
      for (const [index, tally] of found.tallies.entries()) {
        const limit = found.limits[index]
        if (limit?.unit !== 'money') continue
        grantedMicros = Math.min(grantedMicros, Math.max(leftOf(limit, tally), 0))
      }
      extend(found, grantedMicros)
      return grantedMicros
    },
    release(id) {
      const found = holds.get(id)
      if (found === undefined) return
      extend(found, -found.grantedMicros)
      count(found, -1)
      holds.delete(id)
    },
    charge(keys, costMicros, requests) {
      if (tallies.size === 0) return
      for (const counterKey of keys.money) add(counterKey, costMicros)
      for (const counterKey of keys.requests) add(counterKey, requests)
    },
    trim() {
      if (tallies.size <= maxTallies) return
      for (const [key, { spent, reserved }] of tallies) {
        if (spent !== undefined && reserved === 0) tallies.delete(key)
        if (tallies.size <= maxTallies) return
      }
    },
  }
}

const leftOf = (limit: Limit, { spent, reserved }: Tally): number =>
  limit.cap - (spent ?? 0) - reserved

function extend(hold: Hold, grantedMicros: number): void {
  hold.grantedMicros += grantedMicros
  for (let index = 0; index < hold.limits.length; index++) {
    const tally = hold.tallies[index]
    if (hold.limits[index]?.unit === 'money' && tally !== undefined) tally.reserved += grantedMicros
  }
}

function count({ limits, tallies }: Hold, requests: 1 | -1): void {
  for (let index = 0; index < limits.length; index++) {
    const tally = tallies[index]
    if (limits[index]?.unit === 'requests' && tally !== undefined) tally.reserved += requests
  }
}
