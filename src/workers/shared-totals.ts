import type { ProcessTotal, ProcessTotals } from '../limits/process-total.ts'

/** The totals of all threads. */
export interface SharedTotals extends ProcessTotals {
  /** Gives back what a thread that has ended had taken. */
  releaseThread(thread: number): void
}

/** Where each total stands. */
const REQUESTS = 0
const BODY_KIB = 1
const TOTALS = 2

/** A total's cells of 32 bits: all that is taken, and what each thread has taken of it. */
const TAKEN = 0
const OWN = 1

/** So many share what processors pass around whole: threads that count one thing do not wait for another's. */
const LINE_CELLS = 16

const strideOf = (threads: number): number => Math.ceil((OWN + threads) / LINE_CELLS) * LINE_CELLS

/** Memory for the totals of so many threads. */
export const createTotalsMemory = (threads: number): SharedArrayBuffer =>
  new SharedArrayBuffer(TOTALS * strideOf(threads) * Int32Array.BYTES_PER_ELEMENT)

/** The view that one thread, numbered from 0, has of the memory; the main thread, which takes nothing, is 0 as well. */
export function openSharedTotals(
  memory: SharedArrayBuffer,
  { threads, thread }: { readonly threads: number; readonly thread: number },
): SharedTotals {
  const cells = new Int32Array(memory)
  const stride = strideOf(threads)
  const open = (which: number): ProcessTotal => openTotal(cells, which * stride, thread)
  return {
    requests: open(REQUESTS),
    bodyKib: open(BODY_KIB),
    releaseThread(ended) {
      for (let at = 0; at < cells.length; at += stride) {
        Atomics.sub(cells, at + TAKEN, Atomics.exchange(cells, at + OWN + ended, 0))
      }
    },
  }
}

/**
 * What a thread has taken it notes in a cell of its own, which nobody else writes while it lives. Nobody ends a serving
 * thread from outside, in the middle of this: were it so, what it was just giving back would stay taken.
 */
function openTotal(cells: Int32Array, at: number, thread: number): ProcessTotal {
  const own = at + OWN + thread
  return {
    take(amount, limit) {
      let seen = Atomics.load(cells, at + TAKEN)
      for (;;) {
        if (limit > 0 && seen + amount > limit) return false
        const found = Atomics.compareExchange(cells, at + TAKEN, seen, seen + amount)
        if (found === seen) break
        seen = found
      }
      cells[own] = (cells[own] ?? 0) + amount
      return true
    },
    giveBack(amount) {
      cells[own] = (cells[own] ?? 0) - amount
      Atomics.sub(cells, at + TAKEN, amount)
    },
  }
}
