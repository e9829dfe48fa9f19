import type { AIMessageChunk } from '@langchain/core/messages'
import { ChatOpenAI, type ChatOpenAIFields, OpenAIEmbeddings } from '@langchain/openai'
import { describe, expect, it } from 'vitest'

import { type Gateway, TEST_CREDENTIAL } from '../../helpers/gateway.ts'
import {
  createOpenAI,
  firstRequest,
  MESSAGES,
  readBody,
  rejection,
  startKeystow,
} from './keystow.ts'

const MODEL = 'gpt-4o-mini'
const PROMPT = 'Hello from a test'
const USAGE = { usage_metadata: expect.objectContaining({ output_tokens: expect.any(Number) }) }

describe('LangChain', () => {
  it('invokes a chat model', async () => {
    const { gateway, demo } = await startKeystow()
    const message = await createChat(gateway).invoke(PROMPT)
    expect(message.text).toContain(PROMPT)
    expect(message).toMatchObject(USAGE)
    expect((await firstRequest(demo)).headers['authorization']).toBe(`Bearer ${TEST_CREDENTIAL}`)
  })

  it('streams a chat model, with its usage', async () => {
    const { gateway, demo } = await startKeystow()
    const chunks: AIMessageChunk[] = []
    for await (const chunk of await createChat(gateway).stream(PROMPT)) chunks.push(chunk)
    expect(chunks.length).toBeGreaterThan(10)
    expect(chunks.map(({ text }) => text).join('')).toContain(PROMPT)
    expect(chunks).toContainEqual(expect.objectContaining(USAGE))
    const body = readBody(await firstRequest(demo))
    expect(body['stream_options']).toEqual({ include_usage: true })
  })

  it('streams the Responses API', async () => {
    const { gateway, demo } = await startKeystow()
    let text = ''
    for await (const chunk of await createChat(gateway, { useResponsesApi: true }).stream(PROMPT)) {
      text += chunk.text
    }
    expect(text).toContain(PROMPT)
    expect((await firstRequest(demo)).path).toBe('/v1/responses')
  })

  it('cancels the upstream when a stream is aborted', async () => {
    const { gateway, demo } = await startKeystow()
    const controller = new AbortController()
    const chat = createChat(gateway, { model: 'demo-slow' })
    const error = await rejection(
      (async () => {
        const { signal } = controller
        for await (const chunk of await chat.stream(PROMPT, { signal })) {
          if (chunk.text !== '') controller.abort()
        }
      })(),
    )
    expect(error).toBeInstanceOf(Error)
    const request = await firstRequest(demo)
    await request.closed
    expect(request.outcome).toBe('aborted')
    await gateway.waitForLine(({ status }) => status === 499)
  })

  it('raises the error behind the partial text of a stream that broke off', async () => {
    const { gateway } = await startKeystow()
    const chat = createChat(gateway, { model: 'demo-reset-midstream' })
    let text = ''
    const error = await rejection(
      (async () => {
        for await (const chunk of await chat.stream(PROMPT)) text += chunk.text
      })(),
    )
    expect(text).toMatch(/^你好！/)
    expect(error).toMatchObject({ code: 'upstream_unavailable' })
  })

  it('gives up at once on a token that nobody issued', async () => {
    const { gateway, demo } = await startKeystow()
    const chat = createChat({ ...gateway, token: 'ks-wrong' }, { maxRetries: 6 })
    expect(await rejection(chat.invoke(PROMPT))).toMatchObject({
      status: 401,
      code: 'invalid_api_key',
    })
    await gateway.waitForLine(({ status }) => status === 401)
    expect(gateway.requestLines()).toHaveLength(1)
    expect(demo.received).toHaveLength(0)
  })

  it('reads a 429', async () => {
    const { gateway } = await startKeystow({ env: { RATE_LIMIT_PER_MINUTE: '1' } })
    const chat = createChat(gateway)
    await chat.invoke(PROMPT)
    const error = await rejection(chat.invoke(PROMPT))
    expect(error).toMatchObject({ status: 429, code: 'rate_limit_exceeded' })
    expect(String(error)).toContain('Too many requests')
  })

  it('waits as a 429 says and then succeeds', async () => {
    const { gateway, demo } = await startKeystow({ env: { CONCURRENCY_LIMIT: '1' } })
    const controller = new AbortController()
    const running = rejection(
      createOpenAI(gateway).chat.completions.create(
        { model: 'demo-hang', messages: MESSAGES },
        { signal: controller.signal },
      ),
    )
    await firstRequest(demo)
    const startedAt = performance.now()
    const waiting = createChat(gateway, { maxRetries: 6 }).invoke(PROMPT)
    await gateway.waitForLine(({ status }) => status === 429)
    controller.abort()
    await running
    expect((await waiting).text).toContain(PROMPT)
    expect(performance.now() - startedAt).toBeGreaterThan(990)
  })

  it('embeds documents', async () => {
    const { gateway } = await startKeystow()
    const embeddings = new OpenAIEmbeddings({
      model: 'text-embedding-3-small',
      apiKey: gateway.token,
      maxRetries: 0,
      configuration: { baseURL: `${gateway.origin}/v1` },
    })
    const vectors = await embeddings.embedDocuments(['one', 'two'])
    expect(vectors).toHaveLength(2)
    expect(vectors[0]?.length).toBeGreaterThan(0)
    expect(vectors[0]).not.toEqual(vectors[1])
  })
})

function createChat({ origin, token }: Gateway, fields: ChatOpenAIFields = {}): ChatOpenAI {
  return new ChatOpenAI({
    model: MODEL,
    apiKey: token,
    maxRetries: 0,
    configuration: { baseURL: `${origin}/v1` },
    ...fields,
  })
}
