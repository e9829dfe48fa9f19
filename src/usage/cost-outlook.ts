import type { Demand } from './demand.ts'
import type { Endpoint } from './endpoint.ts'
import { maxCostOf, type Price } from './price.ts'
import { settle } from './settle.ts'

/** How much of an answer is paid for at a time: some seconds of a stream. */
const STEP_TOKENS = 256

const TOKENS_PER_PRICE = 1e6

/** No answer is longer. */
const MAX_TOKENS = 1e9

/** What is known of a request's cost before its call, in micros. */
export interface CostOutlook {
  readonly inputMicros: number
  readonly stepMicros: number
  readonly maxOutputMicros: number | undefined
  readonly isStream: boolean
  /** What it has cost when it has come so far. */
  costAfter(outputTokens: number): number
}

interface OutlookOptions {
  readonly endpoint: Endpoint
  readonly demand: Demand
  readonly price: Price
  readonly fields: {
    readonly stream?: boolean
    readonly n?: number
    readonly maxTokens?: number
  }
}

const WRITES: ReadonlySet<Endpoint> = new Set(['chat', 'completions', 'responses', 'other'])

export function createCostOutlook(options: OutlookOptions): CostOutlook {
  const { endpoint, demand, price, fields } = options
  const { usage } = settle({
    endpoint,
    demand,
    facts: undefined,
    soundMs: undefined,
    isWhole: false,
  })
  const isWriter = WRITES.has(endpoint)
  // Of what it writes nothing is known yet; of an image, all that there will be.
  const sure = isWriter ? { ...usage, outputTokens: 0 } : usage
  const inputMicros = maxCostOf(sure, price)
  const microsOf = (tokens: number): number =>
    Math.ceil((tokens * price.outputPerMillion) / TOKENS_PER_PRICE)
  const { stream: isStream = false } = fields
  // What is not written was counted as if it were all there.
  if (!isWriter) {
    const costAfter = (tokens: number): number => Math.max(inputMicros, microsOf(tokens))
    return { inputMicros, stepMicros: 0, maxOutputMicros: 0, isStream, costAfter }
  }
  const most = findMostTokens(fields)
  return {
    inputMicros,
    stepMicros: microsOf(STEP_TOKENS),
    maxOutputMicros: most === undefined ? undefined : microsOf(most),
    isStream,
    costAfter: (outputTokens) => inputMicros + microsOf(outputTokens),
  }
}

/**
 * The tokens of all choices together; undefined when the request names no end, or one that upstreams take for none.
 * JSON's numbers reach to infinity, and what comes of those is no number: it would be less than any budget.
 */
function findMostTokens({ n = 1, maxTokens = 0 }: OutlookOptions['fields']): number | undefined {
  if (maxTokens < 1) return undefined
  return Math.min(maxTokens, MAX_TOKENS) * Math.min(Math.max(n, 1), MAX_TOKENS)
}

/** Costs nothing, whatever it does: where nothing is billed, or no budget is in money. */
export const FREE_OUTLOOK: CostOutlook = Object.freeze({
  inputMicros: 0,
  stepMicros: 0,
  maxOutputMicros: 0,
  isStream: false,
  costAfter: () => 0,
})
