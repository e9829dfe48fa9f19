import { writeFileSync } from 'node:fs'
import { join } from 'node:path'

import type { Price } from '../../src/usage/price.ts'
import { createFolder } from './folder.ts'

/** One micro a token, a character, or a tenth of a second, so that amounts are counts. */
const PRICES = `currency: CNY
models:
  by-token: { outputPerMillion: 1 }
  by-input: { inputPerMillion: 1 }
  both: { inputPerMillion: 1, outputPerMillion: 1 }
  by-call: { perCall: 0.000100 }
  whisper-1: { perSecond: 0.000010 }
  by-second: { perSecond: 0.000010 }
  picture: { perImage: 0.000030 }
  mj: { perCall: 0.000050 }
  suno: { perCall: 0.000070 }
  demo-*: { inputPerMillion: 1, outputPerMillion: 1 }
`

/** A table of prices, for `PRICING_FILE`. */
export function priceFile(): string {
  const file = join(createFolder(), 'pricing.yaml')
  writeFileSync(file, PRICES)
  return file
}

/** An amount of money, from its micros. */
export const micros = (count: number): string => (count / 1e6).toFixed(6)

/** The price of what costs nothing, to be changed in what a test is about. */
export const FREE: Price = {
  inputPerMillion: 0,
  cachedInputPerMillion: 0,
  outputPerMillion: 0,
  charactersPerMillion: 0,
  perImage: 0,
  perSecond: 0,
  perCall: 0,
}
