import { createOpenAI as createAIProvider } from '@ai-sdk/openai'
import { createOpenAICompatible } from '@ai-sdk/openai-compatible'
import { ChatOpenAI } from '@langchain/openai'
import { streamText } from 'ai'
import OpenAI from 'openai'
import { describe, expect, it } from 'vitest'

import { type Gateway, startGateway } from '../../helpers/gateway.ts'
import { startUpstream } from '../../helpers/upstream.ts'
import { createOpenAI, MESSAGES, rejection } from './keystow.ts'

// An upstream that dies within an event leaves half a JSON document behind. An SDK that gets to see it raises an error
// about JSON, and never comes to the one that says what has happened.

const MODEL = 'gpt-4o-mini'
const PROMPT = 'Hello from a test'

const chunk = (object: string, choice: object): string =>
  `data: ${JSON.stringify({ id: 'c', object, created: 1, model: MODEL, choices: [{ index: 0, finish_reason: null, ...choice }] })}\n\n`
const chat = (content: string): string => chunk('chat.completion.chunk', { delta: { content } })
const completion = (text: string): string => chunk('text_completion', { text, logprobs: null })

let sequence = 0
const named = (type: string, data: object): string =>
  `event: ${type}\ndata: ${JSON.stringify({ type, sequence_number: sequence++, ...data })}\n\n`
const ITEM = { id: 'i', type: 'message', role: 'assistant', status: 'in_progress', content: [] }
const PART = { item_id: 'i', output_index: 0, content_index: 0 }
const RESPONSE = { id: 'r', object: 'response', created_at: 1, model: MODEL, output: [] }
const RESPONSE_START =
  named('response.created', { response: { ...RESPONSE, status: 'in_progress' } }) +
  named('response.output_item.added', { output_index: 0, item: ITEM })
const response = (delta: string): string =>
  named('response.output_text.delta', { ...PART, delta, logprobs: [] })

/** What is read of a stream, and how it ends. */
interface Reading {
  readonly text: string
  readonly error: unknown
}

interface Sdk {
  readonly name: string
  /** Stands before the first delta. */
  readonly start: string
  readonly delta: (text: string) => string
  readonly read: (gateway: Gateway) => Promise<Reading>
}

async function readAll<T>(parts: () => Promise<AsyncIterable<T>>, textOf: (part: T) => string) {
  let text = ''
  const error = await rejection(
    (async () => {
      for await (const part of await parts()) text += textOf(part)
    })(),
  )
  return { text, error }
}

const openai = {
  chat: (gateway: Gateway) =>
    readAll(
      async () =>
        createOpenAI(gateway).chat.completions.create({
          model: MODEL,
          messages: MESSAGES,
          stream: true,
        }),
      (part) => part.choices[0]?.delta.content ?? '',
    ),
  completion: (gateway: Gateway) =>
    readAll(
      async () =>
        createOpenAI(gateway).completions.create({ model: MODEL, prompt: PROMPT, stream: true }),
      (part) => part.choices[0]?.text ?? '',
    ),
  response: (gateway: Gateway) =>
    readAll(
      async () =>
        createOpenAI(gateway).responses.create({ model: MODEL, input: PROMPT, stream: true }),
      (part) => (part.type === 'response.output_text.delta' ? part.delta : ''),
    ),
}

const langchain = (useResponsesApi: boolean) => (gateway: Gateway) =>
  readAll(
    async () =>
      new ChatOpenAI({
        model: MODEL,
        apiKey: gateway.token,
        maxRetries: 0,
        useResponsesApi,
        configuration: { baseURL: `${gateway.origin}/v1` },
      }).stream(PROMPT),
    (part) => part.text,
  )

/** The AI SDK hands errors out as parts of the stream: all of them count, one about JSON too. */
const aiSdk = (kind: 'chat' | 'responses' | 'compatible') => async (gateway: Gateway) => {
  const settings = { baseURL: `${gateway.origin}/v1`, apiKey: gateway.token }
  const model =
    kind === 'compatible'
      ? createOpenAICompatible({ name: 'keystow', ...settings })(MODEL)
      : createAIProvider(settings)[kind](MODEL)
  const errors: unknown[] = []
  let text = ''
  const { fullStream } = streamText({ model, prompt: PROMPT, maxRetries: 0, onError: () => {} })
  for await (const part of fullStream) {
    if (part.type === 'text-delta') text += part.text
    if (part.type === 'error') errors.push(part.error)
  }
  return { text, error: errors.length === 1 ? errors[0] : errors }
}

const SDKS: readonly Sdk[] = [
  { name: 'openai, chat', start: '', delta: chat, read: openai.chat },
  { name: 'openai, completions', start: '', delta: completion, read: openai.completion },
  { name: 'openai, responses', start: RESPONSE_START, delta: response, read: openai.response },
  { name: 'LangChain, chat', start: '', delta: chat, read: langchain(false) },
  { name: 'LangChain, responses', start: RESPONSE_START, delta: response, read: langchain(true) },
  { name: 'the AI SDK, chat', start: '', delta: chat, read: aiSdk('chat') },
  { name: 'the AI SDK, compatible', start: '', delta: chat, read: aiSdk('compatible') },
  {
    name: 'the AI SDK, responses',
    start: RESPONSE_START,
    delta: response,
    read: aiSdk('responses'),
  },
]

const behind = (event: Buffer, text: string, bytes = 0): number =>
  event.indexOf(text) + Buffer.byteLength(text) + bytes

/** Where the upstream dies, and whether the event that it was in counts all the same. */
const CUTS: readonly [where: string, cut: (event: Buffer) => number, isWhole?: boolean][] = [
  ['in the first word', () => 2],
  ['behind the name of the field', (event) => behind(event, 'data:')],
  ['before the JSON', (event) => behind(event, 'data: ')],
  ['in the JSON', (event) => behind(event, '"mod')],
  ['in a text', (event) => behind(event, 'zwei')],
  ['in a character', (event) => behind(event, 'zwei', 1)],
  ['before the last brace', (event) => event.lastIndexOf('}')],
  ['behind the JSON', (event) => event.lastIndexOf('}') + 1, true],
  ['between the line ends', (event) => event.lastIndexOf('}') + 2, true],
]

async function start(bytes: Buffer): Promise<Gateway> {
  const upstream = await startUpstream((_request, answer) => {
    answer.writeHead(200, { 'content-type': 'text/event-stream' })
    answer.write(bytes, () => answer.socket?.resetAndDestroy())
  })
  return startGateway({ upstream: upstream.origin })
}

describe.each(SDKS)(
  'a stream that is cut within an event ($name)',
  ({ start: head, delta, read }) => {
    it.each(CUTS)('ends with the error, and no other: %s', async (_where, cut, isWhole = false) => {
      for (const lineEnd of ['\n', '\r\n']) {
        const toBytes = (text: string): Buffer => Buffer.from(text.replaceAll('\n', lineEnd))
        const event = toBytes(delta('zwei好'))
        const at = cut(event)
        expect(at).toBeGreaterThan(0)
        const gateway = await start(
          Buffer.concat([toBytes(head + delta('eins')), event.subarray(0, at)]),
        )
        const { text, error } = await read(gateway)
        expect(text).toBe(isWhole ? 'einszwei好' : 'eins')
        expect(JSON.stringify([error, String(error)])).toContain('upstream could not be reached')
        expect(error).not.toBeInstanceOf(SyntaxError)
        expect(Array.isArray(error)).toBe(false)
      }
    })
  },
)

it('is an APIError with its code to the openai SDK', async () => {
  for (const [event, read] of [
    [chat('eins'), openai.chat],
    [completion('eins'), openai.completion],
    [RESPONSE_START + response('eins'), openai.response],
  ] as const) {
    const { error } = await read(await start(Buffer.from(event + event.slice(0, 60))))
    expect(error).toBeInstanceOf(OpenAI.APIError)
    expect(error).toMatchObject({ code: 'upstream_unavailable', param: null })
  }
})
