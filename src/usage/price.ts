import type { Usage } from './usage.ts'

/** What a model costs, in millionths of the currency. A rate that is 0 is free. */
export interface Price {
  readonly inputPerMillion: number
  readonly cachedInputPerMillion: number
  readonly outputPerMillion: number
  readonly charactersPerMillion: number
  readonly perImage: number
  /** Of audio. */
  readonly perSecond: number
  readonly perCall: number
}

/** Amounts are summed in millionths of a micro, in which every rate is a whole number. */
const MILLION = 1_000_000n
const THOUSAND = 1000n

/** The cost of one call in micros, rounded up once, at the end. */
export function costOf(usage: Usage, price: Price): number {
  const cached = Math.min(usage.cachedTokens, usage.inputTokens)
  const total =
    times(usage.inputTokens - cached, price.inputPerMillion) +
    times(cached, price.cachedInputPerMillion) +
    times(usage.outputTokens, price.outputPerMillion) +
    times(usage.characters, price.charactersPerMillion) +
    times(usage.images, price.perImage) * MILLION +
    times(usage.audioMs, price.perSecond) * THOUSAND +
    BigInt(price.perCall) * MILLION
  return Math.min(Number((total + MILLION - 1n) / MILLION), Number.MAX_SAFE_INTEGER)
}

/** The most that a call costs which uses no more than this, whatever of its input is cached. */
export function maxCostOf(usage: Usage, price: Price): number {
  const isCachedDearer = price.cachedInputPerMillion > price.inputPerMillion
  return costOf({ ...usage, cachedTokens: isCachedDearer ? usage.inputTokens : 0 }, price)
}

/** How many tokens of output an amount pays for; `Infinity` when they are free. */
export function outputTokensFor(micros: number, price: Price): number {
  if (price.outputPerMillion === 0) return Number.POSITIVE_INFINITY
  const paid = BigInt(Math.max(0, Math.floor(micros))) * MILLION
  return Number(paid / BigInt(price.outputPerMillion))
}

function times(count: number, rate: number): bigint {
  return count === 0 || rate === 0 ? 0n : BigInt(count) * BigInt(rate)
}
