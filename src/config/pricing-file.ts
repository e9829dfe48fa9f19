import type { Price } from '../usage/price.ts'
import { createPricing, type PriceEntry, type Pricing } from '../usage/pricing.ts'
import { parseMicros } from './micros.ts'
import { unknownKey } from './problems.ts'
import { parseYaml, type YamlFile } from './yaml-file.ts'
import { z } from './zod.ts'

export interface PricingResult {
  /** Of what is right in the file. */
  readonly pricing: Pricing
  /** One line each: where, what is wrong, how to fix it. */
  readonly problems: readonly string[]
}

const EXPECTED_AMOUNT = 'give an amount such as 0.15, not negative and with at most six decimals'

const amount = z.unknown().transform((value, context) => {
  const micros = parseMicros(value)
  if (micros !== undefined) return micros
  context.addIssue({ code: 'custom', message: EXPECTED_AMOUNT })
  return z.NEVER
})

const rate = amount.optional()

const EXPECTED_WORD = 'give a text, such as 1024x1024 or hd'

const word = z.string({ error: EXPECTED_WORD }).min(1, { error: EXPECTED_WORD })

const imageSchema = z
  .strictObject(
    { size: word.optional(), quality: word.optional(), perImage: amount },
    { error: 'write a size or a quality, and perImage' },
  )
  .refine(({ size, quality }) => size !== undefined || quality !== undefined, {
    error: 'give a size or a quality; the price of any other image is perImage beside images',
  })

const rates = {
  inputPerMillion: rate,
  cachedInputPerMillion: rate,
  outputPerMillion: rate,
  charactersPerMillion: rate,
  perImage: rate,
  perSecond: rate,
  perCall: rate,
}

const modelSchema = z
  .strictObject(
    { ...rates, images: z.array(imageSchema, { error: 'write a list' }).optional() },
    { error: 'write its rates, such as inputPerMillion: 0.15' },
  )
  .refine((model) => Object.keys(model).length > 0, {
    error: 'has no rate; what is free is perCall: 0',
  })

const fileShape = {
  currency: z.enum(['USD', 'CNY'], { error: 'give USD or CNY' }).default('USD'),
  models: z
    .record(z.string(), z.unknown(), { error: 'write a list of models, each with its rates' })
    .default({}),
}

type ModelPrices = z.output<typeof modelSchema>

/** Reads a table of prices. A model that is not right in it has no price; without a file none has. */
export function parsePricing(file: YamlFile | undefined): PricingResult {
  const problems: string[] = []
  const where = file?.name ?? ''
  const document = parseYaml(file, Object.keys(fileShape), problems) ?? {}
  const currency = take(fileShape.currency, document['currency'] ?? undefined, 'USD' as const)
  const models = take(fileShape.models, document['models'] ?? undefined, {})
  if (currency.problem !== undefined) problems.push(`${where}: currency: ${currency.problem}`)
  if (models.problem !== undefined) problems.push(`${where}: models: ${models.problem}`)

  const entries: PriceEntry[] = []
  for (const [pattern, value] of Object.entries(models.value)) {
    const parsed = modelSchema.safeParse(value)
    if (parsed.success) entries.push(toEntry(pattern, parsed.data))
    else {
      const place = `${where}: models.${pattern}`
      problems.push(...describeAll(place, parsed.error.issues))
    }
  }
  return { pricing: createPricing(currency.value, entries), problems }
}

function take<Value>(
  schema: z.ZodType<Value>,
  value: unknown,
  otherwise: Value,
): { readonly value: Value; readonly problem?: string } {
  const parsed = schema.safeParse(value)
  if (parsed.success) return { value: parsed.data }
  return { value: otherwise, problem: parsed.error.issues[0]?.message ?? '' }
}

function describeAll(place: string, issues: readonly z.core.$ZodIssue[]): string[] {
  // A model whose only rate is mistyped has one; that is all there is to say.
  const isMistyped = issues.some(({ code }) => code === 'unrecognized_keys')
  return issues
    .filter(({ code, path }) => !(isMistyped && code === 'custom' && path.length === 0))
    .flatMap((issue) => describe(place, issue))
}

function describe(place: string, issue: z.core.$ZodIssue): string[] {
  const path = [place, ...issue.path.map(String)].join('.')
  if (issue.code !== 'unrecognized_keys') return [`${path}: ${issue.message}`]
  const shape = issue.path.length === 0 ? modelSchema.shape : imageSchema.shape
  return issue.keys.map((key) => unknownKey(`${path}.${key}`, key, Object.keys(shape)))
}

function toEntry(pattern: string, model: ModelPrices): PriceEntry {
  const { images = [], inputPerMillion = 0 } = model
  const price: Price = {
    inputPerMillion,
    // Who names no price for cached input gives no discount.
    cachedInputPerMillion: model.cachedInputPerMillion ?? inputPerMillion,
    outputPerMillion: model.outputPerMillion ?? 0,
    charactersPerMillion: model.charactersPerMillion ?? 0,
    perImage: model.perImage ?? 0,
    perSecond: model.perSecond ?? 0,
    perCall: model.perCall ?? 0,
  }
  return {
    pattern,
    price: Object.freeze(price),
    images: images.map(({ size, quality, perImage }) => ({ size, quality, perImage })),
  }
}
