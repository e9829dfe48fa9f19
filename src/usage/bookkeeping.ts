import { KeystowError } from '../errors.ts'
import type { LedgerStore } from '../stores/ledger-store.ts'
import { type Account, type AccountOptions, openAccount } from './account.ts'
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
import type { UsageMetrics } from '../usage-metrics.ts'
import { NO_USAGE } from './usage.ts'

/** How a request ended, as far as its record tells. */
type Ending = Pick<
  LedgerEntry,
  'status' | 'firstByteMs' | 'durationMs' | 'bytes' | 'upstreamRequestId'
> & { readonly ending: EntryEnding }

interface BooksOptions {
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
  readonly metrics: UsageMetrics
}

/** The one entry of a request in the ledger, and what it may spend. */
export interface Books {
  readonly options: BooksOptions
  /** Milliseconds since 1970. */
  readonly at: number
  readonly outlook: CostOutlook
  account: Account | undefined
  /** Whether the upstream has it, and may be doing something for it. */
  isSent: boolean
  isSettled: boolean
}

/** A stream that its budget holds back. */
type BudgetedStream = Pick<AccountOptions, 'onResume' | 'onExhausted'>

const NOTHING_USED = { ...NO_USAGE, costMicros: 0, isEstimated: false }

/** Throws the error that the client is to get when nobody can tell what its call would cost. */
export function createBooks(options: BooksOptions): Books {
  const { startedAt, caps } = options.request
  return {
    options,
    // By the wall clock as it is now: it may have been set since the process began.
    at: Math.round(Date.now() - (performance.now() - startedAt)),
    outlook: isInMoney(caps) ? readOutlook(options) : FREE_OUTLOOK,
    account: undefined,
    isSent: false,
    isSettled: false,
  }
}

/**
 * Before the call: from now on a process that dies leaves an entry. Throws the error that the client is to get when
 * its budget does not allow the call.
 */
export async function openBooks(books: Books, stream: BudgetedStream): Promise<void> {
  const { options, outlook } = books
  const { ledger } = options
  const { caps } = options.request
  const reservation: Reservation = {
    ...reservationAmounts(outlook),
    ...headOf(books),
    caps,
    // As if it were sent: of a process that dies in this moment nobody knows whether it was.
    estimate: () => readUse(books, false),
  }
  // What has no cap is granted without a word that could be waited for.
  if (caps.length === 0) await ledger.open(reservation)
  else {
    const { stepMicros } = outlook
    books.account = await openAccount({ store: ledger, reservation, stepMicros, ...stream })
  }
}

/**
 * What is to be asked after every event of a stream: whether the next one may follow, or waits for `onResume` or
 * `onExhausted`. Absent when there is no budget that it could spend.
 */
export function createMayGoOn(books: Books): (() => boolean) | undefined {
  const { options, outlook } = books
  if (!isInMoney(options.request.caps)) return undefined
  return () => books.account?.spend(outlook.costAfter(options.meter.outputTokens())) ?? true
}

/** After it, however it ended; only the first word on it counts. */
export async function settleBooks(books: Books, end: Ending): Promise<void> {
  if (books.isSettled) return
  books.isSettled = true
  const { options, account, isSent } = books
  const { ledger, pricing, request } = options
  const used = isSent ? readUse(books, end.ending === 'completed') : NOTHING_USED
  const entry: LedgerEntry = {
    ...used,
    ...headOf(books),
    status: end.status,
    firstByteMs: end.firstByteMs,
    durationMs: end.durationMs,
    bytes: end.bytes,
    upstreamRequestId: end.upstreamRequestId,
    ending: isSent ? end.ending : 'refused',
  }
  options.metrics.observe(entry, { endpoint: request.endpoint, pricing })
  await (account ?? ledger).settle(entry)
}

/** What an entry says of its request from the beginning. */
function headOf({ options, at }: Books) {
  const { id, clientId, path } = options.request
  const { currency } = options.pricing
  return { id, at, clientId, path, currency, model: modelOf(options) }
}

const modelOf = ({ request, demand }: BooksOptions): string =>
  request.fields.model ?? demand().formModel ?? ''

function readUse({ options }: Books, isWhole: boolean) {
  const { meter, pricing, request } = options
  const { endpoint, family } = request
  const reading = meter.read(isWhole)
  const price = findPrice(pricing, { endpoint, family, model: modelOf(options) }, reading)
  const cost = price && costOf(reading.usage, price)
  const costMicros = reading.isBilled ? cost : 0
  return { ...reading.usage, costMicros, isEstimated: reading.isEstimated }
}

/** Throws when nobody can tell what the call would cost. */
function readOutlook({ pricing, demand, request }: BooksOptions): CostOutlook {
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
