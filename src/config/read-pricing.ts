import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

import type { Pricing } from '../usage/pricing.ts'
import { parsePricing } from './pricing-file.ts'
import type { YamlFile } from './yaml-file.ts'

const DEFAULT_FILE = fileURLToPath(new URL('../../config/pricing.yaml', import.meta.url))

/** Reads the table of prices: the named one, which must be there, or the one that Keystow comes with. */
export function readPricing(named: string | undefined, problems: string[]): Pricing {
  const result = parsePricing(readTable(named, problems))
  problems.push(...result.problems)
  return result.pricing
}

function readTable(named: string | undefined, problems: string[]): YamlFile | undefined {
  const name = named ?? DEFAULT_FILE
  try {
    return { name, text: readFileSync(name, 'utf8') }
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown'
    // Whoever takes the shipped table away wants no prices.
    if (named !== undefined || code !== 'ENOENT') {
      problems.push(`PRICING_FILE: ${name} cannot be read (${code}); name a file that can be`)
    }
    return undefined
  }
}
