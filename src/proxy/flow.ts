import type { BulkTurns } from './bulk-turns.ts'

/** Whether an upstream may send on: its client has room, and it is its turn. */
export interface Flow {
  /** A chunk has gone on to the client, who has room for more or has not. */
  pass(bytes: number, hasRoom: boolean): void
  /** The client has room. */
  readonly ready: () => void
}

interface Source {
  pause(): void
  resume(): void
}

/** What passes without a question: an answer of JSON never asks, and events once in a while. */
const UNASKED_BYTES = 16 * 1024

/** What passes in a turn. What is left of a read is put back and copied with the next: often, if this is little. */
const BYTES_A_TURN = 64 * 1024

/** `source` is what sends now, if anything does. */
export function createFlow(turns: BulkTurns, source: () => Source | undefined): Flow {
  let isFull = false
  let isWaiting = false
  /** Since it was last its turn, or asked. */
  let passed = 0
  let allowed = UNASKED_BYTES

  function goOn(): void {
    if (!isFull && !isWaiting) source()?.resume()
  }

  function ask(): void {
    const mayPass = turns.take(passed)
    passed = 0
    allowed = UNASKED_BYTES
    if (mayPass) return
    isWaiting = true
    source()?.pause()
    turns.wait(() => {
      isWaiting = false
      allowed = BYTES_A_TURN
      goOn()
    })
  }

  return {
    pass(bytes, hasRoom) {
      isFull = !hasRoom
      if (isFull) source()?.pause()
      passed += bytes
      if (passed >= allowed && !isWaiting) ask()
    },
    ready() {
      isFull = false
      goOn()
    },
  }
}
