import type { BudgetPeriod, Opening, Reservation } from '../usage/budget.ts'
import type { Estimate } from '../usage/budget.ts'
import type { UsageSums } from '../usage/charges.ts'
import type { Currency, LedgerEntry } from '../usage/ledger-entry.ts'

/** What was spent of one scope's budget in a period. */
export interface Spent {
  readonly costMicros: number
  readonly requests: number
}

export interface SpentQuery {
  /** The whole instance when absent. */
  readonly clientId?: string | undefined
  readonly period: BudgetPeriod
  readonly currency: Currency
  /** Any moment of the period. */
  readonly at: number
}

export interface UsageQuery {
  /** Days of the ledger's time zone as `YYYY-MM-DD`, both included. */
  readonly from: string
  readonly to: string
  readonly groupBy: 'client' | 'model' | 'day'
  /** Only this client's. */
  readonly clientId?: string | undefined
}

/** What a client, a model or a day adds up to in one currency. Requests that were refused are not in it. */
export interface UsageRow extends UsageSums {
  readonly key: string
  readonly currency: Currency
}

export interface EntryQuery {
  /** Milliseconds since 1970; the first that is included, and the first that no longer is. */
  readonly from: number
  readonly to: number
  readonly isEstimated?: boolean | undefined
}

/** What the provider's own log says that an estimated entry really was. */
export type Actual = Estimate

export interface LedgerStats {
  /** Requests that were opened and not yet settled in this process. */
  readonly inFlight: number
  /** How long the oldest settled entry has waited to be found by queries. */
  readonly lagMs: number
  /** Entries of requests without a budget that could not be kept, because nothing could be written for long. */
  readonly droppedEntries: number
  /** Whether it outlives the process. */
  readonly isDurable: boolean
}

/** Something the operator should know, for the log. */
export interface LedgerNotice {
  readonly level: 'info' | 'warn' | 'error'
  readonly message: string
  readonly cause?: Error | undefined
}

/**
 * The ledger and the budgets that are kept with it. Every call is atomic, also between instances that share a
 * store; whatever is charged is charged once.
 */
export interface LedgerStore {
  /**
   * Before a call: checks all its budgets and reserves an amount. Once it is granted, a process that dies finds
   * the request at its next start and settles it as estimated. Opened twice, it is the same reservation.
   */
  open(reservation: Reservation): Promise<Opening>
  /** Reserves more for a request that runs, as much of it as is left; 0 means that it must be cut. */
  grow(id: string, wantedMicros: number): Promise<number>
  /**
   * Enters how a request ended, gives back what was reserved and charges what it cost. A second time changes
   * nothing. A request that was never opened, because it was refused, is entered alike; and one that is still being
   * opened is then not opened any more: its `open` rejects, and nothing is held for it. It is kept when this returns:
   * the promise is that queries find it. Of a thread that serves, it is told to the main thread with the end of this
   * turn, and kept there.
   */
  settle(entry: LedgerEntry): Promise<void>
  /** Puts what really was in the place of what was estimated; false when there is no such estimated entry. */
  correct(entry: Pick<LedgerEntry, 'id' | 'at'>, actual: Actual): Promise<boolean>
  spent(query: SpentQuery): Promise<Spent>
  usage(query: UsageQuery): Promise<UsageRow[]>
  /** In no promised order. */
  entries(query: EntryQuery): AsyncIterable<LedgerEntry>
  stats(): LedgerStats
  /** Whether what is opened and settled is kept safely. */
  isReady(): boolean
  /** Writes what is still to be written. What is not settled by then is lost, as after a kill. */
  close(): Promise<void>
}
