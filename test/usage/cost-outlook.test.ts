import { describe, expect, it } from 'vitest'

import { createCostOutlook } from '../../src/usage/cost-outlook.ts'
import { NO_DEMAND } from '../../src/usage/demand.ts'
import type { Price } from '../../src/usage/price.ts'
import { reservationAmounts } from '../../src/usage/reservation-amounts.ts'

const PRICE: Price = {
  inputPerMillion: 1_000_000,
  cachedInputPerMillion: 1_000_000,
  outputPerMillion: 1_000_000,
  charactersPerMillion: 0,
  perImage: 0,
  perSecond: 0,
  perCall: 0,
}

const demand = { ...NO_DEMAND, inputTokens: 40 }

const lookAt = (fields: object, price = PRICE) =>
  createCostOutlook({ endpoint: 'chat', demand, price, fields })

describe('the outlook on a call', () => {
  it('is its input and the longest answer that it allows', () => {
    expect(lookAt({})).toMatchObject({ inputMicros: 40, stepMicros: 256 })
    expect(lookAt({ maxTokens: 10 }).maxOutputMicros).toBe(10)
    expect(lookAt({ maxTokens: 10, n: 3 }).maxOutputMicros).toBe(30)
    expect(lookAt({ maxTokens: 10, n: 3 }).costAfter(7)).toBe(47)
  })

  it.each([undefined, 0, -1, -Infinity])('has no end where %s tokens are allowed', (maxTokens) => {
    expect(lookAt({ ...(maxTokens !== undefined && { maxTokens }) }).maxOutputMicros).toBe(
      undefined,
    )
  })

  it.each([0, -Infinity, 1e308, Infinity])('is a number whatever n is: %s', (n) => {
    for (const outputPerMillion of [0, 1_000_000]) {
      for (const maxTokens of [0, 1, 1e308, Infinity]) {
        const amounts = reservationAmounts(lookAt({ n, maxTokens }, { ...PRICE, outputPerMillion }))
        expect(amounts.minimumMicros).toBeGreaterThanOrEqual(40)
        expect(amounts.minimumMicros).toBeLessThanOrEqual(40 + 256)
        expect(Number.isSafeInteger(amounts.wantedMicros)).toBe(true)
      }
    }
  })

  it('counts images that are sure to be made once, and not again as their tokens are told', () => {
    const images = { ...NO_DEMAND, images: 1, imageQuality: 'low', imageSize: '1024x1024' }
    const outlook = createCostOutlook({
      endpoint: 'images',
      demand: images,
      price: PRICE,
      fields: { stream: true },
    })
    expect(outlook.inputMicros).toBe(272)
    expect([outlook.costAfter(0), outlook.costAfter(272), outlook.costAfter(300)]).toEqual([
      272, 272, 300,
    ])
  })
})
