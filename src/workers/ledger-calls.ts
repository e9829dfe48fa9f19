import type {
  LedgerStats,
  LedgerStore,
  Spent,
  SpentQuery,
  UsageQuery,
  UsageRow,
} from '../stores/ledger-store.ts'
import { createRounds } from '../stores/rounds.ts'
import { orUnavailable } from '../stores/unavailable.ts'
import {
  type BudgetCap,
  type Estimate,
  type Opening,
  progressOf,
  type Reservation,
} from '../usage/budget.ts'
import type { LedgerEntry } from '../usage/ledger-entry.ts'
import { lostEntryOf } from '../usage/lost-entry.ts'
import { NO_USAGE } from '../usage/usage.ts'
import type { Calls, Handlers } from './calls.ts'

/** A reservation as it can be sent: what it has used by now follows from time to time. */
interface SentReservation extends Omit<Reservation, 'estimate' | 'caps'> {
  readonly estimate: Estimate
  readonly caps: SentCaps
}

/** A list is sent once: it is the same with every request of a client. */
interface SentCaps {
  readonly number: number
  readonly list: readonly BudgetCap[] | undefined
}

/** What a thread that serves asks the one ledger of the process, which the main thread keeps. */
export type LedgerCalls = {
  readonly open: { readonly input: SentReservation; readonly output: Opening }
  readonly grow: {
    readonly input: { readonly id: string; readonly wantedMicros: number }
    readonly output: number
  }
  readonly settle: { readonly input: LedgerEntry; readonly output: void }
  /** What requests that run have used by now, by their ids; those that have used more since they were told of. */
  readonly progress: {
    readonly input: readonly (readonly [string, Estimate])[]
    readonly output: void
  }
  readonly spent: { readonly input: SpentQuery; readonly output: Spent }
  readonly usage: { readonly input: UsageQuery; readonly output: UsageRow[] }
  readonly ledgerState: {
    readonly input: null
    readonly output: { readonly stats: LedgerStats; readonly isReady: boolean }
  }
}

/** What requests need of a ledger; corrections are another process's business. */
export type ServingLedger = Omit<LedgerStore, 'correct' | 'entries'>

/** How often the main thread is asked how the ledger is. */
const STATE_EVERY_MS = 500

/** Half a second until each running request has been looked at, a few of them at a time. */
const STEP_MS = 50
const STEPS_PER_ROUND = 10

/** Each reload brings others, and the numbers begin anew. */
const MAX_CAPS = 1000

interface Opened {
  readonly reservation: Reservation
  /** What the main thread knows of its progress. */
  told: number
}

/** The ledger as a thread that serves has it. */
export function createRemoteLedger(calls: Calls<LedgerCalls>): ServingLedger {
  const running = createRounds<Opened>(STEPS_PER_ROUND)
  const sentCaps = new Map<readonly BudgetCap[], SentCaps>()
  let isReady = true
  let stats: LedgerStats = { inFlight: 0, lagMs: 0, droppedEntries: 0, isDurable: false }

  const looks = setInterval(() => {
    calls.ask('ledgerState', null).then(
      (state) => ({ isReady, stats } = state),
      () => (isReady = false),
    )
  }, STATE_EVERY_MS)
  looks.unref()

  const steps = setInterval(() => {
    if (running.count() === 0) return
    const changed: (readonly [string, Estimate])[] = []
    running.step((opened) => {
      const estimate = opened.reservation.estimate()
      const progress = progressOf(estimate)
      if (progress === opened.told) return
      opened.told = progress
      changed.push([opened.reservation.id, estimate])
    })
    if (changed.length > 0) calls.tell('progress', changed)
  }, STEP_MS)
  steps.unref()

  function numberCaps(list: readonly BudgetCap[]): SentCaps {
    const known = sentCaps.get(list)
    if (known !== undefined) return known
    if (sentCaps.size >= MAX_CAPS) sentCaps.clear()
    const number = sentCaps.size
    sentCaps.set(list, { number, list: undefined })
    return { number, list }
  }

  return {
    async open(reservation) {
      const estimate = reservation.estimate()
      const sent = { ...reservation, estimate, caps: numberCaps(reservation.caps) }
      running.set(reservation.id, { reservation, told: progressOf(estimate) })
      if (reservation.caps.length === 0) {
        // Nothing can refuse it, and its messages arrive in order.
        calls.tell('open', sent)
        return { isGranted: true, grantedMicros: Infinity }
      }
      try {
        const opening = await orUnavailable(calls.ask('open', sent))
        if (!opening.isGranted) running.take(reservation.id)
        return opening
      } catch (error) {
        running.take(reservation.id)
        throw error
      }
    },
    grow: (id, wantedMicros) => orUnavailable(calls.ask('grow', { id, wantedMicros })),
    async settle(entry) {
      running.take(entry.id)
      // Nobody waits for it, and there is nothing to decide: an answer would wake both threads for nothing.
      calls.tell('settle', entry)
    },
    spent: (query) => orUnavailable(calls.ask('spent', query)),
    usage: (query) => orUnavailable(calls.ask('usage', query)),
    stats: () => stats,
    isReady: () => isReady,
    async close() {
      clearInterval(looks)
      clearInterval(steps)
    },
  }
}

/** One thread's requests, at the ledger that the main thread keeps. */
export interface ServedLedger {
  readonly handlers: Handlers<LedgerCalls>
  /** The thread is gone: what it had opened is settled as it was last told of, and what it had not as never made. */
  settleLost(): Promise<number>
}

interface Running {
  readonly reservation: Reservation
  estimate: Estimate
  /** Its thread may have sent it: it was granted, or has no cap and needs no grant. */
  mayBeSent: boolean
}

/** An entry that the ledger has not taken, by the id of its request. */
type OnUnsettled = (error: unknown, requestId: string) => void

export function serveLedger(
  ledger: ServingLedger,
  onUnsettled: OnUnsettled = () => {},
): ServedLedger {
  const running = new Map<string, Running>()
  /** By their numbers. The ledger knows caps by the list itself, so that it is the same with every request. */
  const knownCaps: (readonly BudgetCap[])[] = []

  function readCaps({ number, list }: SentCaps): readonly BudgetCap[] {
    if (list !== undefined) knownCaps[number] = list
    const caps = knownCaps[number]
    if (caps === undefined) throw new Error(`caps ${number} were never sent`)
    return caps
  }

  return {
    handlers: {
      async open({ estimate, ...sent }) {
        const caps = readCaps(sent.caps)
        const request: Running = {
          estimate,
          mayBeSent: caps.length === 0,
          reservation: { ...sent, caps, estimate: () => request.estimate },
        }
        running.set(sent.id, request)
        const opening = await ledger.open(request.reservation)
        if (opening.isGranted) request.mayBeSent = true
        return opening
      },
      grow: ({ id, wantedMicros }) => ledger.grow(id, wantedMicros),
      settle(entry) {
        running.delete(entry.id)
        return ledger.settle(entry).catch((error: unknown) => onUnsettled(error, entry.id))
      },
      progress(estimates) {
        for (const [id, estimate] of estimates) {
          const request = running.get(id)
          if (request !== undefined) request.estimate = estimate
        }
      },
      spent: (query) => ledger.spent(query),
      usage: (query) => ledger.usage(query),
      ledgerState: () => ({ stats: ledger.stats(), isReady: ledger.isReady() }),
    },
    async settleLost() {
      const lost = [...running.values()]
      running.clear()
      await Promise.all(lost.map((request) => ledger.settle(endOf(request, Date.now()))))
      return lost.length
    },
  }
}

/** What becomes of a request whose thread is gone. One that it never had leave to send cost nothing. */
function endOf({ reservation, mayBeSent }: Running, now: number): LedgerEntry {
  if (mayBeSent) return lostEntryOf(reservation, now)
  const unused = lostEntryOf(reservation, now, { ...NO_USAGE, costMicros: 0 })
  return { ...unused, isEstimated: false, ending: 'refused' }
}
