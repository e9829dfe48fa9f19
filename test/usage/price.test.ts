import { describe, expect, it } from 'vitest'

import { parseMicros } from '../../src/config/micros.ts'
import { costOf, maxCostOf, outputTokensFor, type Price } from '../../src/usage/price.ts'
import { createPricing, type ImagePrice, type PriceEntry } from '../../src/usage/pricing.ts'
import { NO_USAGE } from '../../src/usage/usage.ts'
import { FREE } from '../helpers/prices.ts'

describe('an amount', () => {
  it.each<[unknown, number]>([
    [0, 0],
    [0.1, 100_000],
    [0.2, 200_000],
    [0.3, 300_000],
    [1.1, 1_100_000],
    [0.000001, 1],
    [0.000007, 7],
    [4.35, 4_350_000],
    [1.005, 1_005_000],
    [999_999.999999, 999_999_999_999],
    ['0.10', 100_000],
    [' 2.50 ', 2_500_000],
    ['007', 7_000_000],
  ])('of %j is exactly %i millionths', (value, micros) => {
    expect(parseMicros(value)).toBe(micros)
  })

  it('adds up where floating numbers do not', () => {
    expect((parseMicros(0.1) ?? 0) + (parseMicros(0.2) ?? 0)).toBe(parseMicros(0.3))
    expect(parseMicros(0.1 + 0.2)).toBeUndefined()
  })

  it.each([
    -1,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    1e21,
    1e-7,
    0.0000001,
    1_000_000,
    '',
    '.5',
    '5.',
    '+1',
    '1e3',
    '١',
    null,
    undefined,
    true,
    [1],
    {},
    5n,
  ])('is none: %s', (value) => {
    expect(parseMicros(value)).toBeUndefined()
  })
})

describe('a cost', () => {
  it('is the sum of what was used, each at its rate', () => {
    const price: Price = {
      inputPerMillion: 2_500_000,
      cachedInputPerMillion: 1_250_000,
      outputPerMillion: 10_000_000,
      charactersPerMillion: 15_000_000,
      perImage: 40_000,
      perSecond: 100,
      perCall: 7,
    }
    const usage = {
      inputTokens: 1000,
      cachedTokens: 400,
      outputTokens: 100,
      reasoningTokens: 64,
      images: 2,
      characters: 10,
      audioMs: 30_000,
    }
    expect(costOf(usage, price)).toBe(1500 + 500 + 1000 + 150 + 80_000 + 3000 + 7)
    expect(costOf(NO_USAGE, price)).toBe(7)
    expect(costOf(usage, FREE)).toBe(0)
  })

  it('is rounded up, once', () => {
    const price = { ...FREE, inputPerMillion: 150_000, outputPerMillion: 600_000, perSecond: 100 }
    const cost = (inputTokens: number, outputTokens: number, audioMs = 0): number =>
      costOf({ ...NO_USAGE, inputTokens, outputTokens, audioMs }, price)
    expect(cost(1, 0)).toBe(1)
    expect(cost(1, 1)).toBe(1)
    expect(cost(2, 1)).toBe(1)
    expect(cost(3, 1)).toBe(2)
    expect(cost(1_000_000, 0)).toBe(150_000)
    expect(cost(1_000_001, 0)).toBe(150_001)
    expect(cost(0, 0, 1)).toBe(1)
    expect(cost(0, 0, 10)).toBe(1)
    expect(cost(0, 0, 11)).toBe(2)
  })

  it('is exact where floating numbers are not, and never unsafe', () => {
    const price = { ...FREE, inputPerMillion: 999_999_999_999 }
    expect(costOf({ ...NO_USAGE, inputTokens: 1_000_003 }, price)).toBe(1_000_002_999_999)
    const dear = { ...FREE, perImage: 999_999_999_999 }
    expect(costOf({ ...NO_USAGE, images: 20_000_000 }, dear)).toBe(Number.MAX_SAFE_INTEGER)
  })

  it('never counts more cached tokens than there were', () => {
    const price = { ...FREE, inputPerMillion: 1_000_000, cachedInputPerMillion: 500_000 }
    expect(costOf({ ...NO_USAGE, inputTokens: 10, cachedTokens: 50 }, price)).toBe(5)
  })

  it('is at most what it is with nothing cached, or with everything', () => {
    const usage = { ...NO_USAGE, inputTokens: 10, cachedTokens: 10 }
    const price = { ...FREE, inputPerMillion: 1_000_000, cachedInputPerMillion: 500_000 }
    expect(maxCostOf(usage, price)).toBe(10)
    expect(maxCostOf(usage, { ...price, cachedInputPerMillion: 2_000_000 })).toBe(20)
  })

  it('pays for so many tokens of output, and not for one more', () => {
    const price = { ...FREE, outputPerMillion: 600_000 }
    for (const micros of [0, 1, 2, 3, 10, 999, 1_000_000_000_000]) {
      const outputTokens = outputTokensFor(micros, price)
      expect(costOf({ ...NO_USAGE, outputTokens }, price)).toBeLessThanOrEqual(micros)
      expect(costOf({ ...NO_USAGE, outputTokens: outputTokens + 1 }, price)).toBeGreaterThan(micros)
    }
    expect(outputTokensFor(5, FREE)).toBe(Number.POSITIVE_INFINITY)
    expect(outputTokensFor(-5, price)).toBe(0)
  })
})

describe('a price', () => {
  const entry = (
    pattern: string,
    perCall: number,
    images: readonly ImagePrice[] = [],
  ): PriceEntry => ({
    pattern,
    price: { ...FREE, perCall },
    images,
  })
  const pricing = createPricing('USD', [
    entry('*', 1),
    entry('gpt-4*', 2),
    entry('gpt-4o*', 3),
    entry('gpt-4o-mini', 4),
    entry('*-mini-2024', 5),
    entry('gpt-4o-mini*', 6),
    entry('a*b', 7),
    entry('ab*', 8),
  ])

  it.each<[string, number]>([
    ['gpt-4o-mini', 4],
    ['gpt-4o-mini-2', 6],
    ['gpt-4o-2', 3],
    ['gpt-4', 2],
    ['gpt-4-mini-2024', 5],
    ['gpt-4o-mini-2024', 6],
    ['ab-b', 7],
    ['abc', 8],
    ['', 1],
    ['GPT-4', 1],
  ])('of %j is that of the pattern that says most', (model, perCall) => {
    expect(pricing.find(model)?.perCall).toBe(perCall)
  })

  it('is the same however often, and among however many, it is asked for', () => {
    for (let index = 0; index < 2500; index++) {
      expect(pricing.find(`made-up-${index}`)).toEqual(pricing.find('made-up'))
      expect(pricing.nameOf('gpt-4o')).toBe(pricing.nameOf('gpt-4o'))
    }
  })

  it('is none where no pattern matches', () => {
    expect(createPricing('CNY', [entry('a', 1)]).find('A')).toBeUndefined()
    expect(createPricing('CNY', [entry('a*', 1)]).find('b')).toBeUndefined()
    expect(createPricing('CNY', []).find('__proto__')).toBeUndefined()
  })
})
