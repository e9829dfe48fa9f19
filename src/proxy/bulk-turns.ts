/** Takes the streams that send as fast as they are read one after the other, so that others' events go between. */
export interface BulkTurns {
  /** So much more has passed of one stream; false when the next of it must wait for its turn. */
  take(bytes: number): boolean
  /** Calls back when it is its turn: who came first goes first. */
  wait(onTurn: () => void): void
}

/** In all: a millisecond or two of work. */
const BUDGET_BYTES = 128 * 1024
/** How long the budget is for, while nobody waits. */
const WINDOW_MS = 5

/** How many go on in one turn of the event loop, each with what its socket holds: 64 KiB or a little more. */
const AT_ONCE = 2

/**
 * Where upstreams flood, or a hundred readers begin answers that they will not read, every socket is full again before
 * the event loop has been round: 64 KiB of each would be read, scanned and metered in a turn, and everybody else wait.
 */
export function createBulkTurns(): BulkTurns {
  const waiting: (() => void)[] = []
  let isScheduled = false
  let windowAt = 0
  let spent = 0

  function schedule(): void {
    if (isScheduled || waiting.length === 0) return
    isScheduled = true
    setImmediate(goOn)
  }

  function goOn(): void {
    isScheduled = false
    windowAt = performance.now()
    spent = 0
    for (const onTurn of waiting.splice(0, AT_ONCE)) onTurn()
    schedule()
  }

  return {
    take(bytes) {
      const now = performance.now()
      if (waiting.length === 0 && now - windowAt > WINDOW_MS) {
        windowAt = now
        spent = 0
      }
      spent += bytes
      return spent <= BUDGET_BYTES
    },
    wait(onTurn) {
      waiting.push(onTurn)
      schedule()
    },
  }
}
