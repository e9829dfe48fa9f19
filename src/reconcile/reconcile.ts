import type { Actual, LedgerStore } from '../stores/ledger-store.ts'
import type { Calendar } from '../usage/calendar.ts'
import type { Currency, LedgerEntry } from '../usage/ledger-entry.ts'
import { costOf } from '../usage/price.ts'
import type { Pricing } from '../usage/pricing.ts'
import type { Usage } from '../usage/usage.ts'
import type { BilledCall } from './call-log.ts'

/** What one side has of a day and a model. */
export interface Sums {
  calls: number
  inputTokens: number
  outputTokens: number
  /** In each currency; none where nothing has a price. */
  costMicros: Partial<Record<Currency, number>>
}

/** A day and a model, as the ledger has them and as the provider does. */
export interface Difference {
  readonly day: string
  readonly model: string
  readonly ledger: Sums
  readonly provider: Sums
  /** Estimated entries that were put right, or would be. */
  corrected: number
  /** Estimated entries that the provider's log says nothing of. */
  unmatched: number
}

interface ReconcileOptions {
  readonly ledger: Pick<LedgerStore, 'entries' | 'correct'>
  readonly calls: AsyncIterable<BilledCall>
  /** Whether calls to a path are in that log. */
  readonly isOwnPath: (path: string) => boolean
  /** What that log calls the model of a call which named none. */
  readonly modelOf: (path: string) => string
  readonly pricing: Pricing
  readonly calendar: Calendar
  /** Milliseconds since 1970: the first that counts, and the first that no longer does. */
  readonly from: number
  readonly to: number
  /** Only says what would be corrected. */
  readonly isDryRun: boolean
}

/**
 * Compares the ledger with the provider's log, and puts what the provider billed in the place of what was estimated,
 * where the request's id matches. Done twice, the second time changes nothing.
 */
export async function reconcile(options: ReconcileOptions): Promise<Difference[]> {
  const { ledger, from, to } = options
  const table = createTable(options.calendar)
  /** Null where several calls have one id: none of them is known to be the entry's. */
  const billed = new Map<string, BilledCall | null>()
  const callOf = ({ upstreamRequestId = '' }: LedgerEntry): BilledCall | undefined =>
    billed.get(upstreamRequestId) ?? undefined
  /** A task names no model; its provider calls it something. */
  const placeOf = (entry: LedgerEntry): Difference =>
    table.at(entry.at, entry.model || callOf(entry)?.model || options.modelOf(entry.path))

  for await (const call of options.calls) {
    // A call that began before midnight may be billed after it.
    if (call.requestId !== '') {
      billed.set(call.requestId, billed.has(call.requestId) ? null : call)
    }
    if (call.at < from || call.at >= to || !isBilledCall(call)) continue
    add(table.at(call.at, call.model).provider, ofProvider(call))
  }
  const estimated: LedgerEntry[] = []
  for await (const entry of ledger.entries({ from, to })) {
    // What never reached the provider is in no log of its.
    if (entry.ending === 'refused' || !options.isOwnPath(entry.path)) continue
    if (entry.isEstimated) estimated.push(entry)
    else if (isBilledEntry(entry)) add(placeOf(entry).ledger, entry)
  }
  for (const entry of estimated) {
    const call = callOf(entry)
    // What is free, and of which the log says nothing, is not missing there.
    if (call === undefined && entry.costMicros === 0) continue
    const difference = placeOf(entry)
    const actual = call && actualOf(entry, call, options.pricing)
    if (actual === undefined) difference.unmatched++
    else if (options.isDryRun || (await ledger.correct(entry, actual))) difference.corrected++
    const known = { ...entry, ...actual }
    if (isBilledEntry(known)) add(difference.ledger, known)
  }
  return table.list()
}

interface Table {
  at(moment: number, model: string): Difference
  /** By day and model. */
  list(): Difference[]
}

function createTable(calendar: Calendar): Table {
  const differences = new Map<string, Difference>()
  return {
    at(moment, model) {
      const day = calendar.day(moment).key
      const key = `${day} ${model}`
      let found = differences.get(key)
      if (found === undefined) {
        found = { day, model, ledger: noSums(), provider: noSums(), corrected: 0, unmatched: 0 }
        differences.set(key, found)
      }
      return found
    },
    list: () =>
      [...differences.values()].toSorted((a, b) =>
        `${a.day} ${a.model}` < `${b.day} ${b.model}` ? -1 : 1,
      ),
  }
}

/** What an estimated entry really was. */
function actualOf(
  entry: LedgerEntry,
  { inputTokens, outputTokens }: BilledCall,
  pricing: Pricing,
): Actual {
  const usage = {
    ...entry,
    inputTokens,
    outputTokens,
    cachedTokens: Math.min(entry.cachedTokens, inputTokens),
    reasoningTokens: Math.min(entry.reasoningTokens, outputTokens),
  }
  return { ...usage, costMicros: correctCost(entry, usage, pricing) }
}

/** What the tokens that were billed change: what an image of its size or a task costs, the log does not tell. */
function correctCost(entry: LedgerEntry, usage: Usage, pricing: Pricing): number | undefined {
  const price = pricing.find(entry.model)
  if (price === undefined) return entry.costMicros
  const cost = costOf(usage, price)
  if (entry.costMicros === undefined) return cost
  return Math.max(entry.costMicros + cost - costOf(entry, price), 0)
}

const noSums = (): Sums => ({ calls: 0, inputTokens: 0, outputTokens: 0, costMicros: {} })

type Summand = Pick<LedgerEntry, 'inputTokens' | 'outputTokens' | 'costMicros' | 'currency'>

/** The log is in yuan, whatever the ledger is in. */
const ofProvider = (call: BilledCall): Summand => ({ ...call, currency: 'CNY' })

/** What used nothing and cost nothing is on no bill: lists, tasks that were asked for, errors. */
const isBilledCall = ({
  inputTokens,
  outputTokens,
  costMicros,
}: Omit<Summand, 'currency'>): boolean => inputTokens > 0 || outputTokens > 0 || costMicros !== 0

const isBilledEntry = (entry: LedgerEntry): boolean =>
  isBilledCall(entry) || entry.images > 0 || entry.characters > 0 || entry.audioMs > 0

function add(sums: Sums, { inputTokens, outputTokens, costMicros, currency }: Summand): void {
  sums.calls++
  sums.inputTokens += inputTokens
  sums.outputTokens += outputTokens
  if (costMicros === undefined) return
  sums.costMicros[currency] = (sums.costMicros[currency] ?? 0) + costMicros
}
