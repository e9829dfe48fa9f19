/** Things that are visited again and again, a few at a time: no step is long, however many there are. */
export interface Rounds<T> {
  set(id: string, thing: T): void
  get(id: string): T | undefined
  /** What was there under this id. */
  take(id: string): T | undefined
  count(): number
  /** Visits the next of them; true when everything that was there when the round began has been visited. */
  step(visit: (thing: T) => void): boolean
}

/**
 * Emptied when it is taken out. A map that has grown leaves its former table behind, and until that is collected,
 * which takes minutes, everything in it counts as alive: requests that ended long ago, with all that belongs to them.
 */
interface Numbered<T> {
  thing: T | undefined
  readonly number: number
}

/** A round takes about so many steps. */
export function createRounds<T>(stepsPerRound: number): Rounds<T> {
  const things = new Map<string, Numbered<T>>()
  let newest = 0
  let round = things.values()
  let lastOfRound = 0
  /** Of this round: it is to take no longer because many have gone meanwhile. */
  let countAtStart = 0

  return {
    set(id, thing) {
      things.set(id, { thing, number: ++newest })
    },
    get: (id) => things.get(id)?.thing,
    take(id) {
      const found = things.get(id)
      if (found === undefined) return undefined
      things.delete(id)
      const { thing } = found
      found.thing = undefined
      return thing
    },
    count: () => things.size,
    step(visit) {
      const count = Math.max(things.size, countAtStart)
      for (let left = Math.ceil(count / stepsPerRound); left >= 0; left--) {
        const { value, done } = round.next()
        // Those that came since the round began are not part of it: it would not end while they come faster.
        if (done === true || value.number > lastOfRound) {
          round = things.values()
          lastOfRound = newest
          countAtStart = things.size
          return true
        }
        if (value.thing !== undefined) visit(value.thing)
      }
      return false
    },
  }
}
