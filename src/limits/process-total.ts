/** How much of one thing is in use in the whole process, by all of its threads together. */
export interface ProcessTotal {
  /** Takes so much; false, and nothing is taken, where it would be more than the limit. A limit of 0 is none. */
  take(amount: number, limit: number): boolean
  /** Gives back what this thread has taken. */
  giveBack(amount: number): void
}

/** What is counted so. */
export interface ProcessTotals {
  /** Requests in flight. */
  readonly requests: ProcessTotal
  /** The memory that bodies are kept in. */
  readonly bodyKib: ProcessTotal
}

/** The totals of a process that serves on one thread. */
export const createOwnTotals = (): ProcessTotals => ({
  requests: createOwnTotal(),
  bodyKib: createOwnTotal(),
})

export function createOwnTotal(): ProcessTotal {
  let taken = 0
  return {
    take(amount, limit) {
      if (limit > 0 && taken + amount > limit) return false
      taken += amount
      return true
    },
    giveBack(amount) {
      taken -= amount
    },
  }
}
