import { KeystowError } from '../errors.ts'
import type { LedgerStore } from '../stores/ledger-store.ts'
import type { Reservation } from './budget.ts'
import { budgetError } from './budget-error.ts'
import type { LedgerEntry } from './ledger-entry.ts'

/** What one request may spend, and what it has. */
export interface Account {
  /**
   * To be told with every event what the request has cost so far. False asks to let this event pass and hold back
   * the next, until `onResume` or `onExhausted`.
   */
  spend(costMicros: number): boolean
  /** Enters how it ended; to be called once, whatever happened since. */
  settle(entry: LedgerEntry): Promise<void>
}

export interface AccountOptions {
  readonly store: Pick<LedgerStore, 'open' | 'grow' | 'settle'>
  readonly reservation: Reservation
  /** How much is reserved at a time. Asked for when half of it is used, so that a stream seldom waits. */
  readonly stepMicros: number
  /** What was held back may go on. */
  readonly onResume: () => void
  /** Nothing is left: the answer is to be cut with this error. Called at most once, and not after `settle`. */
  readonly onExhausted: (error: KeystowError) => void
}

interface Asked {
  readonly wanted: number
  /** The stream was held when it was asked for: there is no other time to ask again. */
  readonly isLast: boolean
}

/** Opens the account of a request; throws the error that the client is to get when it may not call. */
export async function openAccount(options: AccountOptions): Promise<Account> {
  const { store, reservation, onResume, onExhausted } = options
  const opening = await store.open(reservation)
  if (!opening.isGranted) throw budgetError(opening.refusal)

  const stepMicros = Math.max(Math.ceil(options.stepMicros), 1)
  let granted = opening.grantedMicros
  let spent = 0
  let isAsking = false
  /** The last answer was less than what was asked for: it is asked again only when there is no other way. */
  let isScarce = false
  let isHeld = false
  let isOver = false

  function ask(): void {
    if (isAsking || (isScarce && !isHeld)) return
    isAsking = true
    const wanted = Math.max(stepMicros, Math.ceil(spent) + stepMicros - granted)
    const isLast = isHeld
    store.grow(reservation.id, wanted).then(
      (more) => take(more, { wanted, isLast }),
      (error: unknown) => fail(error),
    )
  }

  function take(more: number, { wanted, isLast }: Asked): void {
    isAsking = false
    granted += more
    isScarce = more < wanted
    if (isOver || !isHeld) return
    if (spent <= granted) {
      isHeld = false
      onResume()
    } else if (isScarce && isLast) exhaust(budgetError())
    else ask()
  }

  function fail(error: unknown): void {
    isAsking = false
    isScarce = true
    if (!isHeld || isOver) return
    exhaust(
      error instanceof KeystowError
        ? error
        : new KeystowError('storeUnavailable', { cause: error }),
    )
  }

  function exhaust(error: KeystowError): void {
    isOver = true
    onExhausted(error)
  }

  return {
    spend(costMicros) {
      if (isOver) return false
      spent = costMicros
      if (spent <= granted - stepMicros / 2) return true
      isHeld = spent > granted
      ask()
      return !isHeld
    },
    async settle(entry) {
      isOver = true
      await store.settle(entry)
    },
  }
}
