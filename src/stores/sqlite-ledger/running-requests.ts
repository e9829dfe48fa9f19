import { progressOf, type Reservation } from '../../usage/budget.ts'
import { lostEntryOf } from '../../usage/lost-entry.ts'
import { createRounds } from '../rounds.ts'
import type { Journal } from './journal.ts'
import { formatRunning } from './records.ts'

/** What a request has used by now is written down once a round, when it has changed. */
const STEPS_PER_ROUND = 10

interface RunningRequest {
  readonly reservation: Reservation
  grantedMicros: number
  /** What the journal has of it. */
  noted: number
  /** Where the journal has it. */
  segment: number
}

/** The requests in flight, and their records in the journal. */
export interface RunningRequests {
  /** False when the journal does not take it. */
  add(reservation: Reservation, grantedMicros: number): boolean
  get(id: string): RunningRequest | undefined
  /** Its reservation has grown: writes down what it has used by now. */
  grow(id: string, grantedMicros: number): void
  take(id: string): RunningRequest | undefined
  count(): number
  /**
   * A step of the round in which what requests have used is written down, and what stands in old segments of the
   * journal only is written again. Returns the segment before which nothing stands that is still needed.
   */
  step(): number
}

export function createRunningRequests(journal: Journal, now: () => number): RunningRequests {
  const requests = createRounds<RunningRequest>(STEPS_PER_ROUND)
  let roundSegment = 0
  let neededSegment = 0

  function write(request: RunningRequest, estimate = request.reservation.estimate()): boolean {
    const { segment } = journal.position()
    const isTaken = journal.append(formatRunning(lostEntryOf(request.reservation, now(), estimate)))
    if (!isTaken) return false
    request.noted = progressOf(estimate)
    request.segment = segment
    return true
  }

  function visit(request: RunningRequest): void {
    const estimate = request.reservation.estimate()
    const isOld = request.segment < roundSegment
    if (isOld || request.noted !== progressOf(estimate)) write(request, estimate)
  }

  return {
    add(reservation, grantedMicros) {
      const request = { reservation, grantedMicros, noted: 0, segment: 0 }
      const isWritten = write(request)
      if (isWritten) requests.set(reservation.id, request)
      return isWritten
    },
    get: (id) => requests.get(id),
    grow(id, grantedMicros) {
      const request = requests.get(id)
      if (request === undefined) return
      request.grantedMicros += grantedMicros
      write(request)
    },
    take: (id) => requests.take(id),
    count: () => requests.count(),
    step() {
      // Nothing is written, and nothing may be removed: another round would only fill the memory.
      if (journal.isFailing()) return neededSegment
      if (requests.step(visit)) {
        neededSegment = roundSegment
        roundSegment = journal.position().segment
      }
      return neededSegment
    },
  }
}
