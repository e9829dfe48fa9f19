import { readFileSync } from 'node:fs'

import { describe, expect, it } from 'vitest'

import { parsePricing } from '../../src/config/pricing-file.ts'
import { ORDINARY_MODELS } from '../../src/demo/models.ts'
import { costOf } from '../../src/usage/price.ts'
import { NO_USAGE } from '../../src/usage/usage.ts'

const parse = (text: string) => parsePricing({ name: 'pricing.yaml', text })
const problemsOf = (text: string): readonly string[] => parse(text).problems

describe('a table of prices', () => {
  it('gives every rate in millionths', () => {
    const { pricing, problems } = parse(`
currency: CNY
models:
  all:
    inputPerMillion: 0.15
    cachedInputPerMillion: '0.075'
    outputPerMillion: 0.6
    charactersPerMillion: 15
    perImage: 0.04
    perSecond: 0.000001
    perCall: 999999.999999
`)
    expect(problems).toEqual([])
    expect(pricing.currency).toBe('CNY')
    expect(pricing.find('all')).toEqual({
      inputPerMillion: 150_000,
      cachedInputPerMillion: 75_000,
      outputPerMillion: 600_000,
      charactersPerMillion: 15_000_000,
      perImage: 40_000,
      perSecond: 1,
      perCall: 999_999_999_999,
    })
  })

  it('charges cached input in full where it names no price for it', () => {
    expect(parse('models: { m: { inputPerMillion: 2 } }').pricing.find('m')).toMatchObject({
      cachedInputPerMillion: 2_000_000,
      outputPerMillion: 0,
    })
  })

  it('is empty without a file, and in dollars', () => {
    for (const { pricing, problems } of [parsePricing(undefined), parse(''), parse('models:')]) {
      expect(problems).toEqual([])
      expect(pricing.currency).toBe('USD')
      expect(pricing.find('gpt-4')).toBeUndefined()
    }
  })

  it.each([
    ['curency: CNY', ['pricing.yaml: curency: is not a setting; did you mean currency?']],
    ['currency: EUR', ['pricing.yaml: currency: give USD or CNY']],
    ['models: [a]', ['pricing.yaml: models: write a list of models, each with its rates']],
    [
      'models: { gpt-4o: { inputPerMilion: 1 } }',
      [
        'pricing.yaml: models.gpt-4o.inputPerMilion: is not a setting; did you mean inputPerMillion?',
      ],
    ],
    ['models: { m: }', ['pricing.yaml: models.m: write its rates, such as inputPerMillion: 0.15']],
    [
      'models: { m: 5 }',
      ['pricing.yaml: models.m: write its rates, such as inputPerMillion: 0.15'],
    ],
    ['models: { m: {} }', ['pricing.yaml: models.m: has no rate; what is free is perCall: 0']],
    [
      'models: { m: { images: [{ perImage: 1 }] } }',
      [
        'pricing.yaml: models.m.images.0: give a size or a quality; the price of any other image is perImage beside images',
      ],
    ],
    [
      'models: { m: { images: [{ sise: x, size: y, perImage: 1 }] } }',
      ['pricing.yaml: models.m.images.0.sise: is not a setting; did you mean size?'],
    ],
    ['models: { m: { images: { a: 1 } } }', ['pricing.yaml: models.m.images: write a list']],
  ])('says what is wrong in %s', (text, problems) => {
    expect(problemsOf(text)).toEqual(problems)
  })

  it.each([
    '-1',
    '-0.5',
    'free',
    '1e9',
    '1e-7',
    '0.1234567',
    '.nan',
    '.inf',
    '1000000',
    '1,5',
    '[1]',
    'true',
    '""',
    '0x10 0',
  ])('takes %s for no amount', (amount) => {
    const [problem] = problemsOf(
      `models: { m: { outputPerMillion: ${amount.includes(',') ? `"${amount}"` : amount} } }`,
    )
    expect(problem).toBe(
      'pricing.yaml: models.m.outputPerMillion: give an amount such as 0.15, not negative and with at most six decimals',
    )
  })

  it.each([
    'models: { a: { perCall: 1 }, a: { perCall: 2 } }',
    'models: {',
    'models: { *x: { perCall: 1 } }',
    '\t- x',
  ])('says where the YAML is broken: %j', (text) => {
    expect(problemsOf(text).join('\n')).toMatch(/^pricing\.yaml: .*; fix the YAML there/)
  })

  it('says everything at once, and prices what is right', () => {
    const { pricing, problems } = parse(
      'currency: EUR\nmodels: { a: { x: 1, perCall: -1 }, b: { perCall: 1 }, c: 1 }',
    )
    expect(problems).toHaveLength(4)
    expect(pricing.find('a')).toBeUndefined()
    expect(pricing.find('b')).toMatchObject({ perCall: 1_000_000 })
  })
})

describe('the table that is shipped', () => {
  const text = readFileSync(new URL('../../config/pricing.yaml', import.meta.url), 'utf8')
  const { pricing, problems } = parse(text)

  it('is right', () => {
    expect(problems).toEqual([])
    expect(text).toMatch(/examples to be checked/)
  })

  it('prices the models of the documents and of the demo upstream', () => {
    const documented = [
      'gpt-3.5-turbo-0613',
      'gpt-3.5-turbo-16k-0613',
      'gpt-3.5-turbo-1106',
      'gpt-4',
      'gpt-4-0613',
      'gpt-4-1106-preview',
      'gpt-4-vision-preview',
      'dall-e-3',
      'mj',
    ]
    // Its calls are made past Keystow, which cannot tell what they use.
    const listed = ORDINARY_MODELS.filter((model) => model !== 'gpt-4o-realtime-preview')
    for (const model of [...documented, ...listed, 'demo-long-100']) {
      expect({ model, price: pricing.find(model) }).toEqual({ model, price: expect.any(Object) })
    }
  })

  it.each<[string, number]>([
    ['gpt-4', 90_000_000],
    ['gpt-4-1106-preview', 40_000_000],
    ['gpt-4-0125-preview', 40_000_000],
    ['gpt-4-0613', 90_000_000],
    ['gpt-4o', 12_500_000],
    ['gpt-4o-2024-05-13', 20_000_000],
    ['gpt-4o-2024-11-20', 12_500_000],
    ['gpt-4o-mini-2024-07-18', 750_000],
    ['gpt-3.5-turbo-16k-0613', 7_000_000],
    ['omni-moderation-latest', 0],
  ])('makes a million tokens each way of %s cost %i millionths', (model, micros) => {
    const usage = { ...NO_USAGE, inputTokens: 1_000_000, outputTokens: 1_000_000 }
    const price = pricing.find(model)
    expect(price && costOf(usage, price)).toBe(micros)
  })

  it.each<[string, string | undefined, string | undefined, number]>([
    ['dall-e-3', undefined, undefined, 40_000],
    ['dall-e-3', '1024x1024', 'standard', 40_000],
    ['dall-e-3', '1024x1024', 'hd', 80_000],
    ['dall-e-3', '1792x1024', 'standard', 80_000],
    ['dall-e-3', '1792x1024', 'hd', 120_000],
    ['dall-e-2', '256x256', undefined, 16_000],
  ])(
    'makes an image of %s in %s and %s cost %i millionths',
    (model, imageSize, imageQuality, micros) => {
      expect(pricing.find(model, { imageSize, imageQuality })?.perImage).toBe(micros)
    },
  )

  it('knows no price for other models', () => {
    for (const model of ['', 'gpt', 'gpt-6', 'ft:gpt-4o-mini-2024-07-18:org::1', 'claude', 'suno'])
      expect(pricing.find(model)).toBeUndefined()
  })
})
