import { describe, expect, it } from 'vitest'

import type { DemoUpstream } from '../../src/demo/upstream.ts'
import { createDemandMeter } from '../../src/usage/demand.ts'
import { findEndpoint } from '../../src/usage/endpoint.ts'
import { createMeter } from '../../src/usage/meter.ts'
import type { Reading } from '../../src/usage/settle.ts'
import { post, startDemo } from '../demo/demo-helpers.ts'
import { createRandom } from '../helpers/random.ts'

type Body = Readonly<Record<string, unknown>>

const random = createRandom(17)
const pick = <T>(list: readonly [T, ...T[]]): T =>
  list[Math.floor(random() * list.length)] ?? list[0]

const TEXTS: [string, ...string[]] = [
  '你好',
  'hello, who are you?',
  '请用 Python 写一个函数 that adds two numbers。',
  'word '.repeat(1500),
  '很长的问题'.repeat(300),
  'emoji 😀🎉 "quoted" \\ and\nlines',
]
const ASKING = { stream: true, stream_options: { include_usage: true } }

function makeRequest(): [string, Body] {
  const text = pick(TEXTS)
  const model = pick(['gpt-4o', 'gpt-5', 'o1', 'demo-many-in-one', 'demo-long-40'])
  const message = { role: 'user', content: random() < 0.5 ? text : [{ type: 'text', text }] }
  const messages = [{ role: 'system', content: 'Answer.' }, message]
  return pick<[string, Body]>([
    ['/v1/chat/completions', { model, messages, n: 2 }],
    ['/v1/chat/completions', { model, messages, ...ASKING }],
    ['/v1/chat/completions', { model, messages, n: 2, ...ASKING }],
    ['/v1/completions', { model, prompt: [text, text] }],
    ['/v1/completions', { model, prompt: text, ...ASKING }],
    ['/v1/responses', { model, input: text, instructions: 'Answer.' }],
    ['/v1/responses', { model, input: messages, stream: true }],
    ['/v1/embeddings', { model, input: [text, text] }],
    ['/v1/images/generations', { model, prompt: text, n: 2 }],
  ])
}

/** Asks the demo and reads its answer through the meter, in pieces, up to a share of its bytes. */
async function ask(
  demo: DemoUpstream,
  [path, body]: [string, Body],
  share: number,
): Promise<{ reading: Reading; heard: string; requestId: string | null }> {
  const endpoint = findEndpoint('POST', { path, family: 'v1' })
  const demand = createDemandMeter(endpoint)
  demand.write(Buffer.from(JSON.stringify(body)))
  const meter = createMeter({ endpoint, demand: demand.read })
  const response = await post(demo, path, body)
  const contentType = response.headers.get('content-type') ?? undefined
  const isEventStream = contentType?.startsWith('text/event-stream') ?? false
  meter.begin({ status: response.status, isEventStream, contentType })
  const whole = Buffer.from(await response.arrayBuffer())
  const bytes = whole.subarray(0, Math.floor(whole.length * share))
  for (let at = 0; at < bytes.length;) {
    const end = at + 1 + Math.floor(random() * 2000)
    meter.write(bytes.subarray(at, end))
    at = end
  }
  const reading = meter.read(share === 1)
  return { reading, heard: bytes.toString(), requestId: response.headers.get('x-request-id') }
}

describe('the meter', () => {
  it('agrees to the token with the bill of the demo upstream', async () => {
    const demo = await startDemo()
    for (let i = 0; i < 150; i++) {
      const request = makeRequest()
      const { reading, requestId } = await ask(demo, request, 1)
      const billed = demo.bill().find((entry) => entry.requestId === requestId)
      const { inputTokens, cachedTokens, outputTokens, reasoningTokens, images } = reading.usage
      expect({ request, isEstimated: reading.isEstimated, inputTokens, cachedTokens }).toEqual({
        request,
        isEstimated: false,
        inputTokens: billed?.inputTokens,
        cachedTokens: billed?.cachedTokens ?? 0,
      })
      expect({ outputTokens, reasoningTokens, images }).toEqual({
        outputTokens: billed?.outputTokens,
        reasoningTokens: billed?.reasoningTokens,
        images: billed?.images,
      })
    }
  })

  it('estimates streams that broke off within 15 % of what had been said', async () => {
    const demo = await startDemo()
    let [estimated, said] = [0, 0]
    for (let i = 0; i < 100; i++) {
      const model = pick(['gpt-4o', 'demo-long-300'])
      const content = pick(TEXTS)
      const request = pick<[string, Body]>([
        ['/v1/chat/completions', { model, messages: [{ role: 'user', content }], stream: true }],
        ['/v1/completions', { model, prompt: content, stream: true, max_tokens: 50 }],
        ['/v1/responses', { model, input: content, stream: true }],
      ])
      const { reading, heard, requestId } = await ask(demo, request, 0.05 + random() * 0.8)
      const billed = demo.bill().find((entry) => entry.requestId === requestId)
      // Each ordinary delta of the demo is one token.
      const deltas = heard.match(/"delta":\{"content":".|"delta":".|"text":"./g)?.length ?? 0
      expect(reading.isEstimated).toBe(true)
      expect({ request, inputTokens: reading.usage.inputTokens }).toEqual({
        request,
        inputTokens: billed?.inputTokens,
      })
      estimated += reading.usage.outputTokens
      said += Math.max(1, deltas)
    }
    expect(said).toBeGreaterThan(1000)
    expect(Math.abs(estimated / said - 1)).toBeLessThan(0.15)
  })
})
