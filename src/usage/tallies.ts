/** Counters kept at once; past it those that nobody holds are forgotten, and asked for again when they are needed. */
const MAX_TALLIES = 100_000

/** What a counter stands at, as far as this process knows. */
export interface Tally {
  /** Undefined until it has been told. */
  spent: number | undefined
  reserved: number
  /** Charged since it was last asked for. */
  since: number
  /** The newest question; an older one's answer no longer counts. */
  question: number
}

/** Takes what the ledger says of the counters that were asked for, in their order. */
export type TellSpent = (spent: readonly number[]) => void

export interface Tallies {
  /** Made when it is not there, and told nothing yet. */
  get(counterKey: string): Tally
  isKnown(counterKey: string): boolean
  keys(): string[]
  /** To be called when the ledger is asked: what is charged until it answers comes on top of the answer. */
  ask(counterKeys: readonly string[]): TellSpent
  /** Charges those of the counters that are kept. */
  add(counterKeys: readonly string[], amount: number): void
  /** Forgets counters that nobody holds while there are too many. */
  trim(): void
}

export function createTallies(maxTallies = MAX_TALLIES): Tallies {
  const tallies = new Map<string, Tally>()
  let questions = 0

  function get(counterKey: string): Tally {
    const found = tallies.get(counterKey)
    if (found !== undefined) return found
    const made = { spent: undefined, reserved: 0, since: 0, question: 0 }
    tallies.set(counterKey, made)
    return made
  }

  return {
    get,
    isKnown: (counterKey) => tallies.get(counterKey)?.spent !== undefined,
    keys: () => [...tallies.keys()],
    ask(counterKeys) {
      const question = ++questions
      const asked = counterKeys.map(get)
      for (const tally of asked) Object.assign(tally, { since: 0, question })
      return (spent) => {
        for (const [index, tally] of asked.entries()) {
          if (tally.question === question) tally.spent = (spent[index] ?? 0) + tally.since
        }
      }
    },
    add(counterKeys, amount) {
      if (tallies.size === 0) return
      for (const counterKey of counterKeys) {
        const tally = tallies.get(counterKey)
        if (tally === undefined) continue
        tally.since += amount
        if (tally.spent !== undefined) tally.spent += amount
      }
    },
    trim() {
      if (tallies.size <= maxTallies) return
      for (const [counterKey, { spent, reserved }] of tallies) {
        if (spent !== undefined && reserved === 0) tallies.delete(counterKey)
        if (tallies.size <= maxTallies) return
      }
    },
  }
}
