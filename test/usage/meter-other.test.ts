import { describe, expect, it } from 'vitest'

import { createDemandMeter } from '../../src/usage/demand.ts'
import { createFormDemandMeter } from '../../src/usage/form-demand.ts'
import { createMeter } from '../../src/usage/meter.ts'
import { type Case, estimate, EVENTS, exact, NOTHING, read } from './metering.ts'

// Endpoints that nobody here knows: what they use is told in a known shape, or estimated from all text that passes.

const endpoint = 'other'
const event = (data: { readonly type: string } & Readonly<Record<string, unknown>>): string =>
  `event: ${data.type}\ndata: ${JSON.stringify(data)}\n\n`

const start = event({
  type: 'message_start',
  message: { id: 'msg_1', role: 'assistant', usage: { input_tokens: 1000, output_tokens: 1 } },
})
const delta = event({
  type: 'content_block_delta',
  index: 0,
  delta: { type: 'text_delta', text: '春天来了' },
})
const end = event({
  type: 'message_delta',
  delta: { stop_reason: 'end_turn' },
  usage: { output_tokens: 20 },
})
const stop = event({ type: 'message_stop' })

describe('a stream of messages', () => {
  const asked: Case = { endpoint, head: EVENTS, answer: start + delta.repeat(5) + end + stop }

  it('is what its first and its last event tell together', () => {
    expect(read(asked)).toMatchObject(exact({ inputTokens: 1000, outputTokens: 20 }))
  })

  it('that breaks off is its input and the text that passed', () => {
    expect(read({ ...asked, answer: start + delta.repeat(5), isWhole: false })).toMatchObject(
      estimate({ inputTokens: 1000, outputTokens: 21 }),
    )
  })

  it('counts what a cache holds as input', () => {
    const usage = {
      input_tokens: 10,
      cache_creation_input_tokens: 200,
      cache_read_input_tokens: 3000,
      output_tokens: 4,
    }
    expect(read({ endpoint, answer: { type: 'message', content: [], usage } })).toMatchObject(
      exact({ inputTokens: 3210, cachedTokens: 3000, outputTokens: 4 }),
    )
  })

  it('grows by its text', () => {
    const meter = createMeter({ endpoint, demand: createDemandMeter(endpoint).read })
    meter.begin({ status: 200, ...EVENTS })
    meter.write(Buffer.from(start + delta))
    expect(meter.outputTokens()).toBe(5)
    meter.write(Buffer.from(delta))
    expect(meter.outputTokens()).toBe(9)
  })
})

describe('an answer without a usage', () => {
  const request = {
    model: 'x',
    instruction: '你好',
    documents: ['春天', { text: '来了' }],
    messages: [{ role: 'user', content: '你' }],
    picture: { type: 'base64', data: 'A'.repeat(10_000) },
  }

  it('is estimated from what was sent and what came', () => {
    const answer = { id: 'x', object: 'edit', choices: [{ text: '世界' }], outputs: ['你', '好'] }
    expect(read({ endpoint, request, answer })).toMatchObject(
      estimate({ inputTokens: 7 + 4, outputTokens: 4 }),
    )
    expect(read({ endpoint, request, answer: '', isWhole: false })).toMatchObject(
      estimate({ inputTokens: 7 + 4 }),
    )
  })

  it('used something, whatever it was', () => {
    expect(read({ endpoint, answer: '{}' })).toMatchObject(estimate({ inputTokens: 1 }))
    const usage = { prompt_tokens: 0, completion_tokens: 0 }
    expect(read({ endpoint, answer: { text: '你好', usage } })).toMatchObject(
      estimate({ inputTokens: 1, outputTokens: 2 }),
    )
  })

  it('used nothing when it is an error', () => {
    expect(read({ endpoint, request, answer: { error: { message: '不' } } })).toMatchObject(NOTHING)
  })

  it.each([
    ['text/plain; charset=utf-8', '你好', { outputTokens: 2 }],
    ['application/x-ndjson', '{"response":"你"}\n{"response":"好"}\n', { outputTokens: 2 }],
    ['audio/mpeg', '\0'.repeat(16_000), { audioMs: 1000 }],
    ['image/png', 'A'.repeat(16_000), { images: 1 }],
    ['application/octet-stream', 'A'.repeat(16_000), {}],
  ])('of the type %s counts by the rule of its kind', (contentType, answer, used) => {
    const asked: Case = { endpoint, request: { text: '你' }, head: { contentType }, answer }
    expect(read(asked)).toMatchObject(estimate({ inputTokens: 1, ...used }))
  })
})

it('counts every field of a form that is no file', () => {
  const demand = createFormDemandMeter(endpoint, 'x')
  const part = (head: string, text: string): string =>
    `--x\r\nContent-Disposition: form-data; ${head}\r\n\r\n${text}\r\n`
  const file = part('name="file"; filename="a"', '你好'.repeat(100))
  demand.write(
    Buffer.from(`${part('name="question"', '你好')}${file}${part('name=model', 'm')}--x--`),
  )
  expect(demand.read()).toMatchObject({ inputTokens: 2, formModel: 'm' })
})
