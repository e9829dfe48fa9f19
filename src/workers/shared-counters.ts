import { hash, randomBytes } from 'node:crypto'

import { createSharedLock } from './shared-lock.ts'

/** What is counted under one name by all threads; of use only while `SharedCounters` runs with it. */
export interface SharedCounter {
  count: number
  /** Milliseconds of the clock that `now` is given by. */
  endsAt: number
  /** Takes one of so many places; false when all threads together have taken them. */
  take(limit: number): boolean
  /** Gives back a place that this thread took. */
  release(): void
}

export interface SharedCounters {
  /**
   * Runs on the counter of this name while no other thread touches any. One that is new, or has ended and has no
   * place taken, may have been another's before: then its count is 0 and its end is past.
   */
  use<T>(name: string, now: number, work: (counter: SharedCounter) => T): T
  /** Takes back the places of a thread that has ended. */
  releaseThread(thread: number): void
}

export interface SharedCountersShape {
  /** Threads that take places, numbered from 0. */
  readonly threads: number
  /** How many names of one kind, which is what stands before their colon, can have a counter of their own at once. */
  readonly perKind: number
}

/** Each kind has a part of its own, so that no flood of one takes another's counters; the last is all the others'. */
const KINDS = ['client', 'address', 'auth-failures', 'other']

/** How far from where its digest points a counter may stand. Without room there, names share their kind's last one. */
const MAX_STEPS = 64

/** Cells of 32 bits: the lock, and the seed of this run's digests, which nobody outside can know. */
const LOCK = 0
const SEED = 1
const SEED_BYTES = 12
const HEADER_CELLS = 4

/** A counter's cells: the digest of its name, the count, one that is unused, its end, and each thread's places. */
const DIGEST_LOW = 0
const DIGEST_HIGH = 1
const COUNT = 2
const ENDS_AT = 4
const PLACES = 6

/** A whole number of doubles. */
const strideOf = (threads: number): number => PLACES + threads + (threads % 2)

/** Memory for the counters of all threads. The system provides it page by page, as it is used. */
export function createSharedMemory({ threads, perKind }: SharedCountersShape): SharedArrayBuffer {
  const counters = (perKind + 1) * KINDS.length
  const cells = HEADER_CELLS + strideOf(threads) * counters
  const memory = new SharedArrayBuffer(cells * Int32Array.BYTES_PER_ELEMENT)
  new Uint8Array(memory, SEED * Int32Array.BYTES_PER_ELEMENT, SEED_BYTES).set(
    randomBytes(SEED_BYTES),
  )
  return memory
}

/** The view that one thread has of the memory; the main thread, which takes no places, has number 0 as well. */
export function openSharedCounters(
  memory: SharedArrayBuffer,
  { threads, perKind, thread }: SharedCountersShape & { readonly thread: number },
): SharedCounters {
  const cells = new Int32Array(memory)
  const doubles = new Float64Array(memory)
  const runAlone = createSharedLock(cells, LOCK)
  const stride = strideOf(threads)
  const seed = Buffer.from(new Uint8Array(memory, SEED * 4, SEED_BYTES)).toString('latin1')

  const cell = (at: number, field: number): number => cells[at + field] ?? 0
  const endOf = (at: number): number => doubles[(at + ENDS_AT) / 2] ?? 0

  function takenOf(at: number): number {
    let taken = 0
    for (let each = 0; each < threads; each++) taken += cell(at, PLACES + each)
    return taken
  }

  /** Where the counter of this name stands, or is to stand. */
  function find(name: string, now: number): number {
    const kind = KINDS.indexOf(name.slice(0, name.indexOf(':')))
    const part = (kind === -1 ? KINDS.length - 1 : kind) * (perKind + 1)
    const digest = hash('sha256', seed + name, 'buffer')
    // Zero would read as a counter that nobody has used yet.
    const low = digest.readInt32LE(0) || 1
    const high = digest.readInt32LE(4)
    const first = digest.readUInt32LE(8)
    let free: number | undefined
    for (let step = 0; step < Math.min(MAX_STEPS, perKind); step++) {
      const at = HEADER_CELLS + (part + ((first + step) % perKind)) * stride
      const isUnused = cell(at, DIGEST_LOW) === 0
      if (cell(at, DIGEST_LOW) === low && cell(at, DIGEST_HIGH) === high) return at
      if (isUnused || (endOf(at) <= now && takenOf(at) === 0)) free ??= at
      if (isUnused) break
    }
    if (free === undefined) return HEADER_CELLS + (part + perKind) * stride
    cells[free + DIGEST_LOW] = low
    cells[free + DIGEST_HIGH] = high
    cells[free + COUNT] = 0
    doubles[(free + ENDS_AT) / 2] = 0
    return free
  }

  const counterAt = (at: number): SharedCounter => ({
    get count() {
      return cell(at, COUNT)
    },
    set count(value) {
      cells[at + COUNT] = value
    },
    get endsAt() {
      return endOf(at)
    },
    set endsAt(value) {
      doubles[(at + ENDS_AT) / 2] = value
    },
    take(limit) {
      if (takenOf(at) >= limit) return false
      cells[at + PLACES + thread] = cell(at, PLACES + thread) + 1
      return true
    },
    release() {
      cells[at + PLACES + thread] = Math.max(0, cell(at, PLACES + thread) - 1)
    },
  })

  return {
    use: (name, now, work) => runAlone(() => work(counterAt(find(name, now)))),
    releaseThread(ended) {
      runAlone(() => {
        for (let at = HEADER_CELLS; at < cells.length; at += stride) cells[at + PLACES + ended] = 0
      })
    },
  }
}
