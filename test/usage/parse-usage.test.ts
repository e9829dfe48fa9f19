import { describe, expect, it } from 'vitest'

import { parseUsage } from '../../src/usage/parse-usage.ts'
import { NO_USAGE, type Usage } from '../../src/usage/usage.ts'

describe('a usage', () => {
  it.each<[string, unknown, Partial<Usage>]>([
    [
      'chat',
      {
        prompt_tokens: 2006,
        completion_tokens: 300,
        total_tokens: 2306,
        prompt_tokens_details: { cached_tokens: 1920, audio_tokens: 0 },
        completion_tokens_details: { reasoning_tokens: 64, accepted_prediction_tokens: 0 },
      },
      { inputTokens: 2006, cachedTokens: 1920, outputTokens: 300, reasoningTokens: 64 },
    ],
    [
      'responses',
      {
        input_tokens: 75,
        input_tokens_details: { cached_tokens: 5 },
        output_tokens: 1186,
        output_tokens_details: { reasoning_tokens: 1024 },
        total_tokens: 1261,
      },
      { inputTokens: 75, cachedTokens: 5, outputTokens: 1186, reasoningTokens: 1024 },
    ],
    [
      'completions',
      { prompt_tokens: 5, completion_tokens: 7 },
      { inputTokens: 5, outputTokens: 7 },
    ],
    ['embeddings', { prompt_tokens: 8, total_tokens: 8 }, { inputTokens: 8 }],
    ['nothing but a total', { total_tokens: 8 }, { inputTokens: 8 }],
    [
      'images',
      {
        input_tokens: 50,
        input_tokens_details: { text_tokens: 10, image_tokens: 40 },
        output_tokens: 1056,
        total_tokens: 1106,
      },
      { inputTokens: 50, outputTokens: 1056 },
    ],
    [
      'audio by tokens',
      {
        type: 'tokens',
        input_tokens: 14,
        input_token_details: { text_tokens: 0, audio_tokens: 14 },
        output_tokens: 45,
        total_tokens: 59,
      },
      { inputTokens: 14, outputTokens: 45 },
    ],
    ['audio by seconds', { type: 'duration', seconds: 9 }, { audioMs: 9000 }],
    ['parts of a second', { type: 'duration', seconds: 0.0001 }, { audioMs: 1 }],
    [
      'cached tokens under another name',
      { prompt_tokens: 9, completion_tokens: 1, prompt_cache_hit_tokens: 4 },
      { inputTokens: 9, outputTokens: 1, cachedTokens: 4 },
    ],
    [
      'both names, one of them idle',
      { prompt_tokens: 9, completion_tokens: 1, input_tokens: 0, output_tokens: 0 },
      { inputTokens: 9, outputTokens: 1 },
    ],
    [
      'reasoning beside the output',
      {
        prompt_tokens: 10,
        completion_tokens: 5,
        total_tokens: 115,
        completion_tokens_details: { reasoning_tokens: 100 },
      },
      { inputTokens: 10, outputTokens: 105, reasoningTokens: 100 },
    ],
    [
      'nulls for details',
      { prompt_tokens: 1, completion_tokens: 2, prompt_tokens_details: null },
      { inputTokens: 1, outputTokens: 2 },
    ],
    ['parts of a token', { prompt_tokens: 1.2, completion_tokens: 0 }, { inputTokens: 2 }],
    ['zeros', { prompt_tokens: 0, completion_tokens: 0 }, {}],
  ])('is read: %s', (_what, value, usage) => {
    expect(parseUsage(value)).toEqual({ ...NO_USAGE, ...usage })
  })

  it.each<[string, unknown]>([
    ['null', null],
    ['nothing', undefined],
    ['text', 'usage'],
    ['a number', 5],
    ['a list', [{ prompt_tokens: 1 }]],
    ['empty', {}],
    ['without a count that is known', { tokens: 5 }],
    ['negative', { prompt_tokens: -1, completion_tokens: 2 }],
    ['negative on the other side', { prompt_tokens: 1, completion_tokens: -0.5 }],
    ['absurd', { prompt_tokens: 1e15, completion_tokens: 2 }],
    ['endless', { prompt_tokens: 1, completion_tokens: Number.POSITIVE_INFINITY }],
    ['not a number', { prompt_tokens: Number.NaN, completion_tokens: 2 }],
    ['in words', { prompt_tokens: '12', completion_tokens: 2 }],
    ['nested', { prompt_tokens: { value: 12 }, completion_tokens: 2 }],
    ['a lie under one of two names', { prompt_tokens: 5, input_tokens: -5, completion_tokens: 2 }],
    ['a negative total alone', { total_tokens: -8 }],
    ['a negative duration', { type: 'duration', seconds: -9 }],
    ['an absurd duration', { type: 'duration', seconds: 1e12 }],
    ['a duration in words', { type: 'duration', seconds: '9' }],
  ])('that lies is none: %s', (_what, value) => {
    expect(parseUsage(value)).toBeUndefined()
  })

  it.each<[string, object]>([
    ['more is cached than was sent', { prompt_tokens_details: { cached_tokens: 500 } }],
    ['more is reasoned than was said', { completion_tokens_details: { reasoning_tokens: 500 } }],
  ])('is cut to what it belongs to when %s', (_what, details) => {
    const usage = parseUsage({ prompt_tokens: 10, completion_tokens: 20, ...details })
    expect(usage).toMatchObject({ inputTokens: 10, outputTokens: 20 })
    expect(usage?.cachedTokens).toBeLessThanOrEqual(10)
    expect(usage?.reasoningTokens).toBeLessThanOrEqual(20)
  })

  it.each([-5, 'many', Number.NaN, null, {}, 1e12])(
    'charges in full for a detail of %j',
    (detail) => {
      const usage = parseUsage({
        prompt_tokens: 10,
        completion_tokens: 20,
        prompt_tokens_details: { cached_tokens: detail },
        completion_tokens_details: { reasoning_tokens: detail },
      })
      expect(usage).toEqual({ ...NO_USAGE, inputTokens: 10, outputTokens: 20 })
    },
  )
})
