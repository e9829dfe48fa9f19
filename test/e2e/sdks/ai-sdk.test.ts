import { createOpenAI } from '@ai-sdk/openai'
import { createOpenAICompatible } from '@ai-sdk/openai-compatible'
import { APICallError, embedMany, generateText, type LanguageModel, streamText } from 'ai'
import { describe, expect, it } from 'vitest'

import { type Gateway, TEST_CREDENTIAL } from '../../helpers/gateway.ts'
import { firstRequest, readBody, rejection, startKeystow } from './keystow.ts'

const MODEL = 'gpt-4o-mini'
const PROMPT = 'Hello from a test'

type CreateModel = (gateway: Gateway, model: string) => LanguageModel

const openAI = ({ origin, token }: Gateway) =>
  createOpenAI({ baseURL: `${origin}/v1`, apiKey: token })

const compatible = ({ origin, token }: Gateway) =>
  createOpenAICompatible({ name: 'keystow', baseURL: `${origin}/v1`, apiKey: token })

const CHAT_PATH = '/v1/chat/completions'
const PROVIDERS: readonly [name: string, create: CreateModel, path: string][] = [
  ['@ai-sdk/openai', (gateway, model) => openAI(gateway)(model), '/v1/responses'],
  ['@ai-sdk/openai .chat()', (gateway, model) => openAI(gateway).chat(model), CHAT_PATH],
  ['@ai-sdk/openai-compatible', (gateway, model) => compatible(gateway)(model), CHAT_PATH],
]

describe.each(PROVIDERS)('the AI SDK with %s', (_name, createModel, path) => {
  it('generates text', async () => {
    const { gateway, demo } = await startKeystow()
    const model = createModel(gateway, MODEL)
    const { text, finishReason, usage } = await generateText({ model, prompt: PROMPT })
    expect(text).toContain(PROMPT)
    expect(finishReason).toBe('stop')
    expect(usage.outputTokens).toBeGreaterThan(0)
    const request = await firstRequest(demo)
    expect(request.path).toBe(path)
    expect(request.headers['authorization']).toBe(`Bearer ${TEST_CREDENTIAL}`)
  })

  it('streams text', async () => {
    const { gateway } = await startKeystow()
    const result = streamText({ model: createModel(gateway, MODEL), prompt: PROMPT })
    const deltas: string[] = []
    for await (const delta of result.textStream) deltas.push(delta)
    expect(deltas.length).toBeGreaterThan(10)
    expect(deltas.join('')).toContain(PROMPT)
    expect(await result.finishReason).toBe('stop')
  })

  it('receives a delta while the upstream is still speaking, and cancels it', async () => {
    const { gateway, demo } = await startKeystow()
    const controller = new AbortController()
    const result = streamText({
      model: createModel(gateway, 'demo-slow'),
      prompt: PROMPT,
      abortSignal: controller.signal,
    })
    const outcomes: unknown[] = []
    for await (const part of result.fullStream) {
      if (part.type !== 'text-delta') continue
      outcomes.push(demo.received[0]?.outcome)
      controller.abort()
    }
    expect(outcomes).toEqual(['open'])
    const request = await firstRequest(demo)
    await request.closed
    expect(request.outcome).toBe('aborted')
    await gateway.waitForLine(({ status }) => status === 499)
  })

  it('raises the error behind the partial text of a stream that broke off', async () => {
    const { gateway } = await startKeystow()
    const model = createModel(gateway, 'demo-reset-midstream')
    const { text, errors } = await readStream(model)
    expect(text).toMatch(/^你好！/)
    expect(JSON.stringify(errors)).toContain('upstream_unavailable')
  })

  it.each([
    ['a token that nobody issued', 401, 'Incorrect API key provided', MODEL],
    [
      'a reset before the answer',
      502,
      'upstream could not be reached',
      'demo-reset-before-headers',
    ],
    ["the upstream's own error", 503, 'The engine is overloaded.', 'demo-status-503'],
  ])('raises APICallError with the message for %s', async (_case, status, message, model) => {
    const { gateway } = await startKeystow()
    const caller = status === 401 ? { ...gateway, token: 'ks-wrong' } : gateway
    const error = await rejection(
      generateText({ model: createModel(caller, model), prompt: PROMPT, maxRetries: 0 }),
    )
    if (!APICallError.isInstance(error)) throw error
    expect(error.statusCode).toBe(status)
    expect(error.message).toContain(message)
  })

  it('reads how long to wait from a 429', async () => {
    const { gateway } = await startKeystow({ env: { RATE_LIMIT_PER_MINUTE: '1' } })
    const model = createModel(gateway, MODEL)
    await generateText({ model, prompt: PROMPT })
    const error = await rejection(generateText({ model, prompt: PROMPT, maxRetries: 0 }))
    if (!APICallError.isInstance(error)) throw error
    expect(error.statusCode).toBe(429)
    expect(error.isRetryable).toBe(true)
    expect(error.message).toContain('Too many requests')
    expect(Number(error.responseHeaders?.['retry-after'])).toBeGreaterThanOrEqual(1)
    expect(error.responseHeaders?.['x-ratelimit-remaining-requests']).toBe('0')
  })
})

describe('the AI SDK', () => {
  it('embeds texts', async () => {
    const { gateway, demo } = await startKeystow()
    const { embeddings, usage } = await embedMany({
      model: openAI(gateway).embedding('text-embedding-3-small'),
      values: ['one', 'two'],
    })
    expect(embeddings).toHaveLength(2)
    expect(embeddings[0]?.length).toBeGreaterThan(0)
    expect(usage.tokens).toBeGreaterThan(0)
    expect(readBody(await firstRequest(demo))['input']).toEqual(['one', 'two'])
  })
})

/** Reads to the end what there is of a stream; the AI SDK hands errors out as parts of it. */
async function readStream(model: LanguageModel): Promise<{ text: string; errors: unknown[] }> {
  const result = streamText({ model, prompt: PROMPT, maxRetries: 0, onError: () => {} })
  const errors: unknown[] = []
  let text = ''
  for await (const part of result.fullStream) {
    if (part.type === 'text-delta') text += part.text
    if (part.type === 'error') errors.push(part.error)
  }
  return { text, errors }
}
