import OpenAI, { APIError, AuthenticationError, RateLimitError, toFile } from 'openai'
import { expect, test } from 'vitest'

import { CREDENTIAL, startDemo } from './demo-helpers.ts'

/** The official SDK against the demo: what it accepts is in OpenAI's shape. */
async function startSdk(apiKey = CREDENTIAL): Promise<OpenAI> {
  const demo = await startDemo()
  return new OpenAI({ baseURL: `${demo.origin}/v1`, apiKey, maxRetries: 0 })
}

const messages = [{ role: 'user' as const, content: '你好' }]

test('chats, whole and streamed', async () => {
  const sdk = await startSdk()
  const whole = await sdk.chat.completions.create({ model: 'gpt-4o', messages })
  expect(whole.choices[0]?.message.content).toContain('「你好」')
  const stream = sdk.chat.completions.stream({ model: 'gpt-4o', messages })
  const streamed = await stream.finalChatCompletion()
  expect(streamed.choices[0]?.message.content).toBe(whole.choices[0]?.message.content)
})

test('creates responses, whole and streamed', async () => {
  const sdk = await startSdk()
  const whole = await sdk.responses.create({ model: 'gpt-4o', input: '你好' })
  expect(whole.output_text).toContain('「你好」')
  const stream = sdk.responses.stream({ model: 'gpt-4o', input: '你好' })
  expect((await stream.finalResponse()).output_text).toBe(whole.output_text)
})

test('embeds in base64, which it asks for by itself', async () => {
  const sdk = await startSdk()
  const { data } = await sdk.embeddings.create({ model: 'text-embedding-3-small', input: 'x' })
  expect(data[0]?.embedding).toHaveLength(64)
})

test('uploads a recording and edits an image', async () => {
  const sdk = await startSdk()
  const file = await toFile(Buffer.alloc(10), 'a.wav')
  const heard = await sdk.audio.transcriptions.create({ model: 'whisper-1', file })
  expect(heard.text).toContain('a.wav')
  const image = await toFile(Buffer.alloc(10), 'a.png', { type: 'image/png' })
  const edited = await sdk.images.edit({ model: 'gpt-image-1', prompt: 'x', image })
  expect(edited.data?.[0]?.b64_json).toBeTruthy()
})

test('lists models', async () => {
  const sdk = await startSdk()
  const ids: string[] = []
  for await (const model of sdk.models.list()) ids.push(model.id)
  expect(ids).toContain('gpt-4o')
})

test('raises its own errors', async () => {
  const stranger = await startSdk('sk-stranger')
  await expect(stranger.models.list()).rejects.toBeInstanceOf(AuthenticationError)
  const sdk = await startSdk()
  const limited = sdk.chat.completions.create({ model: 'demo-status-429', messages })
  await expect(limited).rejects.toBeInstanceOf(RateLimitError)
})

test.each(['demo-error-event', 'demo-named-error'])('raises on %s in a stream', async (model) => {
  const sdk = await startSdk()
  const chat = sdk.chat.completions.stream({ model, messages })
  await expect(chat.finalChatCompletion()).rejects.toBeInstanceOf(APIError)
  const response = sdk.responses.stream({ model, input: 'x' })
  await expect(response.finalResponse()).rejects.toBeInstanceOf(APIError)
})
