import type { BillEntry } from '../../src/demo/bill.ts'

/** What a million tokens cost, and an image. */
interface Rates {
  readonly input: number
  readonly cached: number
  readonly output: number
  readonly image: number
}

/** Sums of powers of two: plain arithmetic is exact on them, and is another way to the cost than the ledger's. */
const RATES: Readonly<Record<string, Rates>> = {
  'gpt-4o': { input: 2.5, cached: 1.25, output: 10, image: 0 },
  'gpt-4o-mini': { input: 0.375, cached: 0.125, output: 0.75, image: 0 },
  'gpt-5': { input: 1.25, cached: 0.125, output: 10, image: 0 },
  'text-embedding-3-small': { input: 0.03125, cached: 0.03125, output: 0, image: 0 },
  'dall-e-3': { input: 5, cached: 5, output: 0, image: 0.0625 },
  'demo-pace-20': { input: 2.5, cached: 1.25, output: 10, image: 0 },
}

const MICROS = 1_000_000

/** The price table as a file; JSON is YAML too. */
export function formatPrices(): string {
  const models = Object.entries(RATES).map(([model, { input, cached, output, image }]) => [
    model,
    {
      inputPerMillion: input,
      cachedInputPerMillion: cached,
      outputPerMillion: output,
      perImage: image,
    },
  ])
  return JSON.stringify({ currency: 'USD', models: Object.fromEntries(models) })
}

/** What a line of the bill costs, in micros rounded up. */
export function costOfLine(line: BillEntry): number {
  const rates = RATES[line.model]
  if (rates === undefined) throw new Error(`${line.model} has no price`)
  const { inputTokens, cachedTokens, outputTokens, images } = line
  return Math.ceil(
    (inputTokens - cachedTokens) * rates.input +
      cachedTokens * rates.cached +
      outputTokens * rates.output +
      images * rates.image * MICROS,
  )
}
