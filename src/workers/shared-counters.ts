import { hash, randomBytes } from 'node:crypto'

import { createSharedLock } from './shared-lock.ts'

/** What is counted under one name by all threads; of use only while `SharedCounters` runs with it. */
export interface SharedCounter {
  count: number
  /** Milliseconds of the clock that `now` is given by. */
  endsAt: number
  /** Takes one of so many places for this thread; undefined when all threads together have taken them. */
  take(limit: number): Place | undefined
}

/** Where a thread has noted a place that it took. */
export type Place = number

export interface SharedCounters {
  /**
   * Runs on the counter of this name while no other thread touches any. One that is new, or has ended and has no
   * place taken, may have been another's before: then its count is 0 and its end is past.
   */
  use<T>(name: string, now: number, work: (counter: SharedCounter) => T): T
  /**
   * Gives back a place that this thread took, once, and where it was taken: had its name to share a counter then, it
   * may have one of its own by now.
   */
  release(place: Place): void
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

/** A counter's cells: the digest of its name, the count, how many places are taken, and its end. */
const DIGEST_LOW = 0
const DIGEST_HIGH = 1
const COUNT = 2
const TAKEN = 3
const ENDS_AT = 4
/** A whole number of doubles. */
const COUNTER_CELLS = 6

/** Far more requests than one thread has in flight at once; past it there is no place for another. */
const PLACES_PER_THREAD = 100_000

/** A thread's notes: how many it has used so far, a cell that is unused, and of each the counter its place is of, or 0. */
const FIRST_NOTE = 2
const NOTE_CELLS = FIRST_NOTE + PLACES_PER_THREAD

/** Behind the counters. */
const notesOf = (thread: number, perKind: number): number =>
  HEADER_CELLS + COUNTER_CELLS * (perKind + 1) * KINDS.length + NOTE_CELLS * thread

/** Memory for the counters of all threads. The system provides it page by page, as it is used. */
export function createSharedMemory({ threads, perKind }: SharedCountersShape): SharedArrayBuffer {
  const cells = notesOf(threads, perKind)
  const memory = new SharedArrayBuffer(cells * Int32Array.BYTES_PER_ELEMENT)
  new Uint8Array(memory, SEED * Int32Array.BYTES_PER_ELEMENT, SEED_BYTES).set(
    randomBytes(SEED_BYTES),
  )
  return memory
}

/** The one view that a thread has of the memory. The main thread, which takes no places, has number 0 as well. */
export function openSharedCounters(
  memory: SharedArrayBuffer,
  { perKind, thread }: SharedCountersShape & { readonly thread: number },
): SharedCounters {
  const cells = new Int32Array(memory)
  const doubles = new Float64Array(memory)
  const runAlone = createSharedLock(cells, LOCK)
  const notes = notesOf(thread, perKind)
  /** Notes of places that were given back. */
  const returned: Place[] = []
  const seed = Buffer.from(new Uint8Array(memory, SEED * 4, SEED_BYTES)).toString('latin1')

  const cell = (at: number, field: number): number => cells[at + field] ?? 0
  const endOf = (at: number): number => doubles[(at + ENDS_AT) / 2] ?? 0

  function newNote(): Place | undefined {
    const used = cell(notes, 0)
    if (used === PLACES_PER_THREAD) return undefined
    cells[notes] = used + 1
    return notes + FIRST_NOTE + used
  }

  function giveBack(place: Place): void {
    const at = cell(place, 0)
    cells[place] = 0
    if (at !== 0) cells[at + TAKEN] = Math.max(0, cell(at, TAKEN) - 1)
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
      const at = HEADER_CELLS + (part + ((first + step) % perKind)) * COUNTER_CELLS
      const isUnused = cell(at, DIGEST_LOW) === 0
      if (cell(at, DIGEST_LOW) === low && cell(at, DIGEST_HIGH) === high) return at
      if (isUnused || (endOf(at) <= now && cell(at, TAKEN) === 0)) free ??= at
      if (isUnused) break
    }
    if (free === undefined) return HEADER_CELLS + (part + perKind) * COUNTER_CELLS
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
      if (cell(at, TAKEN) >= limit) return undefined
      const place = returned.pop() ?? newNote()
      if (place === undefined) return undefined
      // In this order a thread that is ended in between leaves no place taken that nobody can give back.
      cells[place] = at
      cells[at + TAKEN] = cell(at, TAKEN) + 1
      return place
    },
  })

  return {
    use: (name, now, work) => runAlone(() => work(counterAt(find(name, now)))),
    release: (place) =>
      runAlone(() => {
        giveBack(place)
        returned.push(place)
      }),
    releaseThread(ended) {
      const itsNotes = notesOf(ended, perKind)
      runAlone(() => {
        const used = cell(itsNotes, 0)
        for (let note = 0; note < used; note++) giveBack(itsNotes + FIRST_NOTE + note)
        cells[itsNotes] = 0
      })
    },
  }
}
