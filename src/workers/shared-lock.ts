const FREE = 0
const TAKEN = 1
/** Taken, and somebody waits for it. */
const AWAITED = 2

/** Far longer than anybody keeps it: its holder was ended in the middle, and will never give it back. */
const ABANDONED_MS = 1000

/**
 * Runs something while no other thread does, by a futex in one cell of shared memory. Threads wait without turning
 * their event loops: for work of a microsecond only, which must not throw.
 */
export function createSharedLock(cells: Int32Array, index: number) {
  return function runAlone<T>(work: () => T): T {
    if (Atomics.compareExchange(cells, index, FREE, TAKEN) !== FREE) {
      while (Atomics.exchange(cells, index, AWAITED) !== FREE) {
        if (Atomics.wait(cells, index, AWAITED, ABANDONED_MS) === 'timed-out') break
      }
    }
    const result = work()
    if (Atomics.exchange(cells, index, FREE) === AWAITED) Atomics.notify(cells, index, 1)
    return result
  }
}
