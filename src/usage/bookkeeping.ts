import { KeystowError } from '../errors.ts'
import type { LedgerStore } from '../stores/ledger-store.ts'
import { type Account, openAccount } from './account.ts'
import { isInMoney, type Reservation } from './budget.ts'
import { type CostOutlook, createCostOutlook, FREE_OUTLOOK } from './cost-outlook.ts'
import type { Demand } from './demand.ts'
import type { Endpoint } from './endpoint.ts'
import { findPrice, isPricedByFamily } from './find-price.ts'
import type { EntryEnding, LedgerEntry } from './ledger-entry.ts'
import type { Meter } from './meter.ts'
import { costOf } from './price.ts'
import type { Pricing } from './pricing.ts'
import { reservationAmounts } from './reservation-amounts.ts'
import { NO_USAGE } from './usage.ts'

/** How a request ended, as far as its record tells. */
type Ending = Pick<
  LedgerEntry,
  'status' | 'firstByteMs' | 'durationMs' | 'bytes' | 'upstreamRequestId'
> & { readonly ending: EntryEnding }

/** The one entry of a request in the ledger, and what it may spend. */
export interface Bookkeeping {
  /**
   * Before the call: from now on a process that dies leaves an entry. Throws the error that the client is to get when
   * its budget does not allow the call.
   */
  open(): Promise<void>
  /** The call goes out. */
  sent(): void
  /** What went out was refused, and nothing was done for it; it may go out again. */
  refused(): void
  /**
   * To be asked after every event of a stream: whether the next one may follow, or waits for `onResume` or
   * `onExhausted`. Absent when there is no budget that it could spend.
   */
  readonly mayGoOn: (() => boolean) | undefined
  /** After it, however it ended; only the first word on it counts. */
  settle(ending: Ending): Promise<void>
}

interface BookkeepingOptions {
  readonly ledger: Pick<LedgerStore, 'open' | 'grow' | 'settle'>
  readonly pricing: Pricing
  readonly meter: Meter
  readonly demand: () => Demand
  readonly request: Pick<Reservation, 'id' | 'clientId' | 'path' | 'caps'> & {
    /** `performance.now()` when it began. */
    readonly startedAt: number
    readonly endpoint: Endpoint
    readonly family: string
    readonly fields: { readonly model?: string; readonly stream?: boolean; readonly n?: number }
  }
  /** Sees the entry, once. */
  readonly onEntry: (entry: LedgerEntry) => void
  /** The stream may go on. */
  readonly onResume: () => void
  /** The stream is to end with this error; at most once, and not after `settle`. */
  readonly onExhausted: (error: KeystowError) => void
}

const NOTHING_USED = { ...NO_USAGE, costMicros: 0, isEstimated: false }

export function createBookkeeping(options: BookkeepingOptions): Bookkeeping {
  const { ledger, pricing, meter, demand, request } = options
  const { id, clientId, path, caps, startedAt, fields, family, endpoint } = request
  // By the wall clock as it is now: it may have been set since the process began.
  const at = Math.round(Date.now() - (performance.now() - startedAt))
  const { currency } = pricing
  const hasMoneyCap = isInMoney(caps)
  const outlook = hasMoneyCap ? readOutlook(options) : FREE_OUTLOOK
  let account: Account | undefined
  let isSent = false
  let isSettled = false

  const nameModel = (): string => fields.model ?? demand().formModel ?? ''

  function read(isWhole: boolean) {
    const reading = meter.read(isWhole)
    const price = findPrice(pricing, { endpoint, family, model: nameModel() }, reading)
    const cost = price && costOf(reading.usage, price)
    const costMicros = reading.isBilled ? cost : 0
    return { ...reading.usage, costMicros, isEstimated: reading.isEstimated }
  }

  return {
    async open() {
      const reservation: Reservation = {
        ...reservationAmounts(outlook),
        id,
        at,
        clientId,
        path,
        currency,
        model: nameModel(),
        caps,
        // As if it were sent: of a process that dies in this moment nobody knows whether it was.
        estimate: () => read(false),
      }
      // What has no cap is granted without a word that could be waited for.
      if (caps.length === 0) await ledger.open(reservation)
      else {
        const { stepMicros } = outlook
        const { onResume, onExhausted } = options
        const opening = { store: ledger, reservation, stepMicros, onResume, onExhausted }
        account = await openAccount(opening)
      }
    },
    sent() {
      isSent = true
    },
    refused() {
      isSent = false
    },
    mayGoOn: hasMoneyCap
      ? () => account?.spend(outlook.costAfter(meter.outputTokens())) ?? true
      : undefined,
    async settle({ ending, status, firstByteMs, durationMs, bytes, upstreamRequestId }) {
      if (isSettled) return
      isSettled = true
      const used = isSent ? read(ending === 'completed') : NOTHING_USED
      const entry: LedgerEntry = {
        ...used,
        id,
        at,
        clientId,
        path,
        currency,
        model: nameModel(),
        status,
        firstByteMs,
        durationMs,
        bytes,
        upstreamRequestId,
        ending: isSent ? ending : 'refused',
      }
      options.onEntry(entry)
      await (account ?? ledger).settle(entry)
    },
  }
}

/** Throws when nobody can tell what the call would cost. */
function readOutlook({ pricing, demand, request }: BookkeepingOptions): CostOutlook {
  const { endpoint, family, fields } = request
  if (endpoint === 'free') return FREE_OUTLOOK
  const asked = demand()
  const model = fields.model ?? asked.formModel
  const price = findPrice(pricing, { endpoint, family, model }, asked)
  if (price !== undefined) return createCostOutlook({ endpoint, demand: asked, price, fields })
  const name = isPricedByFamily(request) ? family : model
  const what =
    name === undefined
      ? 'A request that names no model'
      : `The model ${JSON.stringify(name.slice(0, 100))}`
  throw new KeystowError('notAllowed', {
    message: `${what} has no price for this at this server, so a client with a budget may not use it. Its operator can add it to the price table.`,
    param: 'model',
  })
}
