import { createDemandMeter } from '../src/usage/demand.ts'
import type { Endpoint } from '../src/usage/endpoint.ts'
import { createMeter } from '../src/usage/meter.ts'
import { parseUsage } from '../src/usage/parse-usage.ts'
import { costOf } from '../src/usage/price.ts'
import { createFrameFilter, filterFrames } from '../src/usage/usage-frame.ts'
import { NO_USAGE } from '../src/usage/usage.ts'
import { CHAT_ANSWER, chatEvent, meterChat } from './chat-samples.ts'
import { measureCall as measure } from './loop.ts'

/** `node bench/meter.ts`: processor time of the meter alone, in a loop; the best of some rounds. */

const EVENTS_IN_TURN = 64
const KILOBYTE = 1024

interface Row {
  readonly what: string
  readonly us: number
  readonly unit: string
}

const response = (index: number): Buffer =>
  Buffer.from(
    `event: response.output_text.delta\ndata: {"type":"response.output_text.delta","sequence_number":${index},"item_id":"msg_0123456789abcdef0123456789abcdef","output_index":0,"content_index":0,"delta":" word","logprobs":[],"obfuscation":"${pad(index)}"}\n\n`,
  )

const pad = (index: number): string => 'aB3dE9gH1jK5mN7p'.slice(0, 1 + (index % 16))

const STREAMS: readonly (readonly [string, Endpoint, (index: number) => Buffer])[] = [
  ['chat, English', 'chat', () => chatEvent(' word')],
  ['chat, Chinese as UTF-8', 'chat', () => chatEvent('你好世界')],
  ['chat, Chinese as escapes', 'chat', () => chatEvent(String.raw`\u4f60\u597d\u4e16\u754c`)],
  ['chat, usage of null in each', 'chat', () => chatEvent(' word', ',"usage":null')],
  ['chat, padded', 'chat', (index) => chatEvent(' word', `,"obfuscation":"${pad(index)}"`)],
  [
    'chat, usage in each',
    'chat',
    (index) =>
      chatEvent(
        ' word',
        `,"usage":{"prompt_tokens":10,"completion_tokens":${index},"total_tokens":9}`,
      ),
  ],
  ['responses, padded', 'responses', response],
]

function measureStream([what, endpoint, make]: (typeof STREAMS)[number]): Row {
  const events = Array.from({ length: EVENTS_IN_TURN }, (_, index) => make(index))
  const meter = createMeter({ endpoint, demand: createDemandMeter(endpoint).read })
  meter.begin({ status: 200, isEventStream: true, contentType: 'text/event-stream' })
  const us = measure(() => {
    for (const event of events) meter.write(event)
  })
  return { what, us: us / EVENTS_IN_TURN, unit: 'an event' }
}

function measureSplitEvents(): Row {
  const event = chatEvent(' word')
  const halves = [event.subarray(0, 130), event.subarray(130)]
  const meter = createMeter({ endpoint: 'chat', demand: createDemandMeter('chat').read })
  meter.begin({ status: 200, isEventStream: true, contentType: 'text/event-stream' })
  const us = measure(() => {
    for (const half of halves) meter.write(half)
  })
  return { what: 'chat, every event in two pieces', us, unit: 'an event' }
}

function measureFilter(): Row {
  const filter = createFrameFilter()
  const event = chatEvent(' word', ',"usage":null')
  const us = measure(() => void filterFrames(filter, event))
  return { what: 'filter of the usage frame', us, unit: 'an event' }
}

const CHAT_BODY = JSON.stringify({
  model: 'gpt-4o-mini',
  messages: [
    { role: 'system', content: 'You are a helpful assistant. '.repeat(20) },
    { role: 'user', content: '请用三句话总结上面的内容，并给出两个例子。'.repeat(10) },
  ],
  stream: true,
})
const IMAGES_ANSWER = JSON.stringify({ data: [{ b64_json: 'iVBORw0KGgo'.repeat(200_000) }] })
const EMBEDDINGS_ANSWER = JSON.stringify({
  data: Array.from({ length: 20 }, () => ({
    embedding: Array.from({ length: 1536 }, (_, index) => Math.sin(index) / 7),
  })),
})

/** In pieces as a socket reads them. */
function cut(text: string): Buffer[] {
  const bytes = Buffer.from(text)
  const size = 64 * KILOBYTE
  const count = Math.ceil(bytes.length / size)
  return Array.from({ length: count }, (_, i) => bytes.subarray(i * size, (i + 1) * size))
}

function measureAnswer(what: string, endpoint: Endpoint, text: string): Row {
  const chunks = cut(text)
  const us = measure(() => {
    const meter = createMeter({ endpoint, demand: createDemandMeter(endpoint).read })
    meter.begin({ status: 200, isEventStream: false, contentType: 'application/json' })
    for (const chunk of chunks) meter.write(chunk)
    meter.read(true)
  })
  return { what, us: us / (Buffer.byteLength(text) / KILOBYTE), unit: 'a KB' }
}

function measureDemand(): Row {
  const body = Buffer.from(CHAT_BODY)
  const us = measure(() => {
    const demand = createDemandMeter('chat')
    demand.write(body)
    demand.read()
  })
  return { what: 'demand of a chat request', us: us / (body.length / KILOBYTE), unit: 'a KB' }
}

/** Everything that one JSON request costs beside forwarding. */
function measureRequest(): Row {
  const body = Buffer.from(CHAT_BODY)
  const answer = Buffer.from(CHAT_ANSWER)
  const us = measure(() => meterChat(body, answer))
  return {
    what: `a chat request of ${body.length} + ${answer.length} bytes`,
    us,
    unit: 'a request',
  }
}

function measureUsage(): Row {
  const value: unknown = JSON.parse('{"prompt_tokens":10,"completion_tokens":20,"total_tokens":30}')
  return { what: 'reading a usage', us: measure(() => void parseUsage(value)), unit: 'a usage' }
}

function measureCost(): Row {
  const price = {
    inputPerMillion: 2_500_000,
    cachedInputPerMillion: 1_250_000,
    outputPerMillion: 10_000_000,
    charactersPerMillion: 0,
    perImage: 0,
    perSecond: 0,
    perCall: 0,
  }
  const usage = { ...NO_USAGE, inputTokens: 1000, cachedTokens: 100, outputTokens: 200 }
  return { what: 'a cost', us: measure(() => void costOf(usage, price)), unit: 'a cost' }
}

const rows: readonly Row[] = [
  ...STREAMS.map(measureStream),
  measureSplitEvents(),
  measureFilter(),
  measureAnswer('a chat answer', 'chat', CHAT_ANSWER),
  measureAnswer('images in base64', 'images', IMAGES_ANSWER),
  measureAnswer('embeddings as numbers', 'embeddings', EMBEDDINGS_ANSWER),
  measureDemand(),
  measureUsage(),
  measureCost(),
  measureRequest(),
]
const lines = rows.map(({ what, us, unit }) => `| ${what} | ${us.toFixed(3)} µs ${unit} |`)
process.stdout.write(['| | processor time |', '|---|---|', ...lines, ''].join('\n'))
