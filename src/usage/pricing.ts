import { isNameAllowed } from '../policy/name-pattern.ts'
import type { Currency } from './ledger-entry.ts'
import type { Price } from './price.ts'

/** An image of a certain size, a certain quality, or both. */
export interface ImagePrice {
  readonly size: string | undefined
  readonly quality: string | undefined
  readonly perImage: number
}

/** The price of the models whose names match a pattern, in which `*` stands for any characters. */
export interface PriceEntry {
  readonly pattern: string
  readonly price: Price
  readonly images: readonly ImagePrice[]
}

/** Finds the price of a model; undefined when it has none. */
export interface Pricing {
  readonly currency: Currency
  /** No model has a price. */
  readonly isEmpty: boolean
  find(model: string, image?: ImageKind): Price | undefined
  /** The name or the pattern that a model has its price by; never what a client made up. */
  nameOf(model: string): string | undefined
}

/** Of the images of a call, as far as they are known. */
export interface ImageKind {
  readonly imageSize: string | undefined
  readonly imageQuality: string | undefined
}

const MAX_KEPT_NAMES = 1000
const MAX_KEPT_CHARS = 100

/**
 * A name that is written out wins over every pattern. Of several patterns the one with the most characters
 * beside its `*` wins, and of those with as many the one that stands first.
 */
export function createPricing(currency: Currency, entries: readonly PriceEntry[]): Pricing {
  const isPattern = ({ pattern }: PriceEntry): boolean => pattern.includes('*')
  const named = new Map(
    entries.filter((entry) => !isPattern(entry)).map((entry) => [entry.pattern, entry]),
  )
  const patterns = entries
    .filter(isPattern)
    .toSorted((a, b) => countFixed(b.pattern) - countFixed(a.pattern))

  const search = (model: string): PriceEntry | undefined =>
    named.get(model) ?? patterns.find(({ pattern }) => isNameAllowed(model, [pattern]))

  /** What was found before: a request asks three times, and most ask for the same few models. */
  const found = new Map<string, PriceEntry | undefined>()

  function entryOf(model: string): PriceEntry | undefined {
    const known = found.get(model)
    if (known !== undefined || found.has(model)) return known
    const entry = search(model)
    // Names come from clients: they may be as many and as long as they like.
    if (model.length > MAX_KEPT_CHARS) return entry
    if (found.size >= MAX_KEPT_NAMES) found.clear()
    found.set(model, entry)
    return entry
  }

  return {
    currency,
    isEmpty: entries.length === 0,
    find(model, image) {
      const entry = entryOf(model)
      return entry && withImage(entry, image)
    },
    nameOf: (model) => entryOf(model)?.pattern,
  }
}

const countFixed = (pattern: string): number => pattern.replaceAll('*', '').length

/** The first of an entry's image prices that fits wins over its price for any image. */
function withImage({ price, images }: PriceEntry, image: ImageKind | undefined): Price {
  const found = images.find(
    ({ size, quality }) =>
      (size === undefined || size === image?.imageSize) &&
      (quality === undefined || quality === image?.imageQuality),
  )
  return found === undefined ? price : { ...price, perImage: found.perImage }
}
