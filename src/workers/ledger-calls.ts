import type {
  LedgerStats,
  LedgerStore,
  Spent,
  SpentQuery,
  UsageQuery,
  UsageRow,
} from '../stores/ledger-store.ts'
import { orUnavailable } from '../stores/unavailable.ts'
import { type BudgetCap, type Estimate, type Opening, type Reservation } from '../usage/budget.ts'
import type { LedgerEntry } from '../usage/ledger-entry.ts'
import { lostEntryOf } from '../usage/lost-entry.ts'
import { NO_USAGE } from '../usage/usage.ts'
import type { Calls, Handlers } from './calls.ts'

/** A reservation as it can be sent: what it has used by now follows from time to time. */
interface SentReservation extends Omit<Reservation, 'estimate'> {
  readonly estimate: Estimate
}

/** What a thread that serves asks the one ledger of the process, which the main thread keeps. */
export type LedgerCalls = {
  readonly open: { readonly input: SentReservation; readonly output: Opening }
  readonly grow: {
    readonly input: { readonly id: string; readonly wantedMicros: number }
    readonly output: number
  }
  readonly settle: { readonly input: LedgerEntry; readonly output: void }
  /** What requests that run have used by now, by their ids. */
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

/** How often the main thread is told what running requests have used, and asked how the ledger is. */
const STEP_MS = 500

/** Emptied when it is settled: a map that has grown keeps what was in it alive for a while (see `stores/rounds.ts`). */
interface Opened {
  estimate: Reservation['estimate'] | undefined
}

/** The ledger as a thread that serves has it. */
export function createRemoteLedger(calls: Calls<LedgerCalls>): ServingLedger {
  const running = new Map<string, Opened>()
  let isReady = true
  let stats: LedgerStats = { inFlight: 0, lagMs: 0, droppedEntries: 0, isDurable: false }

  const steps = setInterval(() => {
    if (running.size > 0) {
      calls.tell(
        'progress',
        [...running].flatMap(([id, { estimate }]) =>
          estimate === undefined ? [] : [[id, estimate()] as const],
        ),
      )
    }
    calls.ask('ledgerState', null).then(
      (state) => ({ isReady, stats } = state),
      () => (isReady = false),
    )
  }, STEP_MS)
  steps.unref()

  function forget(id: string): void {
    const opened = running.get(id)
    running.delete(id)
    if (opened !== undefined) opened.estimate = undefined
  }

  return {
    async open(reservation) {
      const sent = { ...reservation, estimate: reservation.estimate() }
      running.set(reservation.id, { estimate: () => reservation.estimate() })
      if (reservation.caps.length === 0) {
        // Nothing can refuse it, and its messages arrive in order.
        calls.tell('open', sent)
        return { isGranted: true, grantedMicros: Infinity }
      }
      try {
        const opening = await orUnavailable(calls.ask('open', sent))
        if (!opening.isGranted) forget(reservation.id)
        return opening
      } catch (error) {
        forget(reservation.id)
        throw error
      }
    },
    grow: (id, wantedMicros) => orUnavailable(calls.ask('grow', { id, wantedMicros })),
    async settle(entry) {
      forget(entry.id)
      await orUnavailable(calls.ask('settle', entry))
    },
    spent: (query) => orUnavailable(calls.ask('spent', query)),
    usage: (query) => orUnavailable(calls.ask('usage', query)),
    stats: () => stats,
    isReady: () => isReady,
    async close() {
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

export function serveLedger(ledger: ServingLedger, now: () => number = Date.now): ServedLedger {
  const running = new Map<string, Running>()
  const knownCaps = new Map<string, readonly BudgetCap[]>()

  /** The ledger knows a client's caps by the list itself, and a copy is another one. */
  function sameCaps(caps: readonly BudgetCap[]): readonly BudgetCap[] {
    const key = JSON.stringify(caps)
    const known = knownCaps.get(key)
    if (known !== undefined) return known
    knownCaps.set(key, caps)
    return caps
  }

  return {
    handlers: {
      async open({ estimate, ...sent }) {
        const request: Running = {
          estimate,
          mayBeSent: sent.caps.length === 0,
          reservation: { ...sent, caps: sameCaps(sent.caps), estimate: () => request.estimate },
        }
        running.set(sent.id, request)
        const opening = await ledger.open(request.reservation)
        if (opening.isGranted) request.mayBeSent = true
        return opening
      },
      grow: ({ id, wantedMicros }) => ledger.grow(id, wantedMicros),
      settle(entry) {
        running.delete(entry.id)
        return ledger.settle(entry)
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
      await Promise.all(lost.map((request) => ledger.settle(endOf(request, now()))))
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
