import { describe, expect, it } from 'vitest'

import { createDemandMeter, type Demand, NO_DEMAND } from '../../src/usage/demand.ts'
import type { Endpoint } from '../../src/usage/endpoint.ts'
import { createFormDemandMeter } from '../../src/usage/form-demand.ts'

const PIECES = [1, 2, 3, 7, 64, 1000, Number.POSITIVE_INFINITY]

function measure(
  endpoint: Endpoint,
  body: unknown,
  pieceBytes: number,
  boundary?: string | null,
): Demand {
  const meter =
    boundary === undefined
      ? createDemandMeter(endpoint)
      : createFormDemandMeter(endpoint, boundary ?? undefined)
  const bytes = Buffer.from(typeof body === 'string' ? body : JSON.stringify(body))
  for (let at = 0; at < bytes.length; at += pieceBytes) {
    // Reused memory, as a socket's read buffer is: what is kept must be a copy.
    const chunk = Buffer.from(bytes.subarray(at, at + pieceBytes))
    meter.write(chunk)
    chunk.fill(0)
  }
  return meter.read()
}

const user = (content: unknown): object => ({ role: 'user', content })
const picture = `data:image/png;base64,${'iVBORw0KGgo'.repeat(5000)}`

describe('the demand of a JSON body', () => {
  it.each<[string, Endpoint, unknown, Partial<Demand>]>([
    ['a message', 'chat', { model: 'gpt-4o', messages: [user('hello')] }, { inputTokens: 6 }],
    [
      'Chinese',
      'chat',
      { messages: [{ role: 'system', content: '你好' }, user('世界')], stream: true },
      { inputTokens: 12 },
    ],
    [
      'texts in parts',
      'chat',
      { messages: [user([{ type: 'text', text: '你好' }])] },
      { inputTokens: 6 },
    ],
    [
      'images, not by their bytes',
      'chat',
      { messages: [user([{ type: 'image_url', image_url: { url: picture } }])] },
      { inputTokens: 89 },
    ],
    [
      'images in detail',
      'chat',
      { messages: [user([{ type: 'image_url', image_url: { url: picture, detail: 'high' } }])] },
      { inputTokens: 769 },
    ],
    [
      'tools, names and all',
      'chat',
      { messages: [user('')], tools: [{ type: 'function', function: { name: '你', x: ['好'] } }] },
      { inputTokens: 4 + 9 },
    ],
    [
      'calls of tools',
      'chat',
      { messages: [{ role: 'assistant', tool_calls: [{ function: { arguments: '你好' } }] }] },
      { inputTokens: 6 },
    ],
    [
      'what no model reads',
      'chat',
      { metadata: { x: '你好' }, messages: [user('')] },
      { inputTokens: 4 },
    ],
    [
      'a text for an input',
      'responses',
      { input: '你好', instructions: '你' },
      { inputTokens: 11 },
    ],
    [
      'a list for an input',
      'responses',
      {
        input: [
          user([
            { type: 'input_text', text: '你好' },
            { type: 'input_image', image_url: picture },
          ]),
        ],
      },
      { inputTokens: 91 },
    ],
    ['a prompt', 'completions', { prompt: '你好', suffix: '你' }, { inputTokens: 3 }],
    ['prompts that are tokens', 'completions', { prompt: [[1, 2, 3], [4]] }, { inputTokens: 4 }],
    ['texts to embed', 'embeddings', { input: ['你好', 'abcd'], model: 'x' }, { inputTokens: 3 }],
    ['tokens to embed', 'embeddings', { input: [5, 6, 7] }, { inputTokens: 3 }],
    [
      'images to make',
      'images',
      { prompt: '你好', n: 3, size: '1792x1024', quality: 'hd' },
      { inputTokens: 2, images: 3, imageSize: '1792x1024', imageQuality: 'hd' },
    ],
    ['one image', 'images', { prompt: '' }, { images: 1, imageSize: undefined }],
    [
      'more images than are made',
      'images',
      { n: 1e9, size: 5 },
      { images: 10, imageSize: undefined },
    ],
    ['fewer images than one', 'images', { n: -1 }, { images: 1 }],
    ['a text to speak', 'speech', { input: '你好😀!', voice: 'alloy' }, { characters: 4 }],
    ['what says all in its answer', 'other', { input: '你好' }, {}],
  ])('counts %s, however it is cut', (_what, endpoint, body, demand) => {
    const whole = measure(endpoint, body, Number.POSITIVE_INFINITY)
    expect(whole).toMatchObject(demand)
    for (const piece of PIECES) expect(measure(endpoint, body, piece)).toEqual(whole)
  })

  it('counts what is escaped, names too, as what it means', () => {
    const body = '{"m\\u0065ssages":[{"r\\u006fle":"user","cont\\u0065nt":"\\u4f60\\u597d"}]}'
    for (const piece of PIECES) expect(measure('chat', body, piece).inputTokens).toBe(6)
  })

  it.each(['', '{', 'null', '[]', '{"messages":5}', '{"n":1'])('takes %j', (body) => {
    for (const endpoint of ['chat', 'images', 'embeddings'] as const) {
      expect(measure(endpoint, body, 3).inputTokens).toBeLessThanOrEqual(4)
    }
  })
})

const BOUNDARY = '----x'

function form(...parts: readonly (readonly [string, string])[]): string {
  const texts = parts.map(
    ([head, content]) => `------x\r\nContent-Disposition: form-data; ${head}\r\n\r\n${content}\r\n`,
  )
  return `${texts.join('')}------x--\r\n`
}

const FILE = '\r\n--\r\n------y\r\n'.repeat(1000)

describe('the demand of a form', () => {
  it('counts a file’s bytes and reads the model, however it is cut', () => {
    const body = form(
      ['name="file"; filename="a.mp3"\r\nContent-Type: audio/mpeg', FILE],
      ['name="model"', 'whisper-你'],
      ['name="prompt"', '你好'],
    )
    for (const piece of PIECES) {
      expect(measure('transcription', body, piece, BOUNDARY)).toEqual({
        ...NO_DEMAND,
        inputTokens: 2,
        uploadBytes: FILE.length,
        formModel: 'whisper-你',
      })
    }
  })

  it('reads what images to make', () => {
    const body = form(
      ['name="image[]"; filename="a.png"', 'abc'],
      ['name="image[]"; filename="b.png"', 'de'],
      ['name="prompt"', '你好'],
      ['name=n', '2'],
      ['name="size"', '1024x1024'],
      ['name="quality"', 'high'],
    )
    for (const piece of PIECES) {
      expect(measure('images', body, piece, BOUNDARY)).toEqual({
        ...NO_DEMAND,
        inputTokens: 2,
        images: 2,
        imageSize: '1024x1024',
        imageQuality: 'high',
        uploadBytes: 5,
      })
    }
  })

  it('keeps no more of a field than a model’s name is long', () => {
    const body = form(['name="model"', 'x'.repeat(1_000_000)])
    expect(measure('transcription', body, 4096, BOUNDARY).formModel).toHaveLength(256)
  })

  it.each([
    ['no boundary', null, form(['name="model"', 'x'])],
    ['another boundary', 'z', form(['name="model"', 'x'])],
    ['a head that never ends', BOUNDARY, `------x\r\nContent-Disposition: ${'x'.repeat(50_000)}`],
    ['what follows the last delimiter', BOUNDARY, `------x--\r\n${form(['name="model"', 'x'])}`],
    ['nothing', BOUNDARY, ''],
    ['JSON', BOUNDARY, '{"model":"x"}'],
  ])('takes %s for nothing', (_what, boundary, body) => {
    for (const piece of PIECES) {
      expect(measure('transcription', body, piece, boundary)).toEqual(NO_DEMAND)
    }
  })
})
