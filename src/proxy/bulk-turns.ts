/** Takes the streams that send as fast as they are read one after the other, so that others' events go between. */
export interface BulkTurns {
  /** So much more has passed of one stream; false when the next of it must wait for its turn. */
  take(bytes: number): boolean
  /** Calls back when it is its turn: who came first goes first. It returns whether it goes on; false lets the next. */
  wait(onTurn: () => boolean): void
}

/** In all, and so for one of them in its turn: what a socket holds, and less than a millisecond of work. */
export const BYTES_A_TURN = 64 * 1024
/** How long the budget is for, while nobody waits. */
const WINDOW_MS = 5

/**
 * Where upstreams flood, or a hundred readers begin answers that they will not read, every socket is full again before
 * the event loop has been round: 64 KiB of each would be read, scanned and metered in a turn, and everybody else wait.
 */
export function createBulkTurns(): BulkTurns {
  const waiting: (() => boolean)[] = []
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
    // One in each turn of the event loop: with two of them, everybody else waits twice as long.
    let onTurn = waiting.shift()
    while (onTurn !== undefined && !onTurn()) onTurn = waiting.shift()
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
      return spent <= BYTES_A_TURN
    },
    wait(onTurn) {
      waiting.push(onTurn)
      schedule()
    },
  }
}
