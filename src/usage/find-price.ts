import type { Endpoint } from './endpoint.ts'
import type { Price } from './price.ts'
import type { ImageKind, Pricing } from './pricing.ts'

type Rate = keyof Price

const TOKENS: readonly Rate[] = ['inputPerMillion', 'outputPerMillion']

/** What each endpoint is metered in, beside the call: a price in anything else comes to nothing. */
const METERED: Partial<Record<Endpoint, readonly Rate[]>> = {
  chat: TOKENS,
  completions: TOKENS,
  responses: TOKENS,
  embeddings: TOKENS,
  images: [...TOKENS, 'perImage'],
  speech: ['charactersPerMillion', 'perSecond'],
  transcription: [...TOKENS, 'perSecond'],
  task: [],
}

interface PricedCall {
  readonly endpoint: Endpoint
  readonly family: string
  /** As the request names it; undefined or empty when it names none. */
  readonly model: string | undefined
}

/** A family decides by its path what it does, and may read no model: none that a client names makes it cheaper. */
export const isPricedByFamily = ({
  endpoint,
  family,
}: Pick<PricedCall, 'endpoint' | 'family'>): boolean => endpoint === 'task' && family !== 'v1'

/** The price of a call; undefined when it has none, or one by which nobody could charge for it. */
export function findPrice(
  pricing: Pick<Pricing, 'find'>,
  call: PricedCall,
  image: ImageKind,
): Price | undefined {
  const { endpoint, family, model } = call
  const priceOf = (name: string): Price | undefined => {
    const price = pricing.find(name, image)
    return price !== undefined && isFor(endpoint, price) ? price : undefined
  }
  if (!isPricedByFamily(call)) return priceOf(model || family)
  const own = priceOf(family)
  const named = model ? priceOf(model) : undefined
  return own && named && named.perCall > own.perCall ? named : own
}

/** What is free is free for everything. */
function isFor(endpoint: Endpoint, price: Price): boolean {
  const metered = METERED[endpoint]
  if (metered === undefined || price.perCall > 0) return true
  return metered.some((rate) => price[rate] > 0) || Object.values(price).every((rate) => rate === 0)
}
