import { describe, expect, it } from 'vitest'

import { findStreamForm } from '../../src/proxy/stream-form.ts'
import {
  createStreamProgress,
  isEnded,
  isFinished,
  isKnown,
  readProgress,
  type StreamProgress,
} from '../../src/proxy/stream-progress.ts'
import { createRandom } from '../helpers/random.ts'

const event = (index: number, content: string, finish = 'null'): string =>
  `data: {"id":"a","choices":[{"index":${index},"delta":{"content":${JSON.stringify(content)}},"finish_reason":${finish}}]}\n\n`

function start(path = '/v1/chat/completions'): StreamProgress {
  const form = findStreamForm(path)
  if (form === undefined) throw new Error('no form')
  return createStreamProgress(form)
}

const stateOf = (progress: StreamProgress) => ({
  isBetween: !progress.isInEvent,
  isFinished: isFinished(progress),
  isEnded: isEnded(progress),
  isErrorTold: progress.isErrorTold,
})

/** Events that are nearly repeats of each other, and each of which could be taken for one. */
const EVENTS = [
  event(0, 'a'),
  event(0, 'b "quoted" \\ text'),
  event(0, ''),
  event(1, 'a'),
  event(0, 'a', '"stop"'),
  event(1, 'a', '"stop"'),
  event(0, 'a').trimEnd(),
  event(0, 'a').slice(0, -1),
  event(0, 'a') + event(1, 'b'),
  event(0, '"finish_reason":"stop"'),
  'data: {"choices":[{"index":0,"delta":{"content":"a"}}],"error":{"message":"no"}}\n\n',
  'data: {"choices":[{"index":0,"delta":{"content":"a\n\n',
  // Line ends that nobody escaped: several events, of which the first and the last make one that was seen before.
  event(0, 'X').replace('X', 'a\n\ndata: [DONE]\n\nb'),
  event(0, 'X').replace('X', 'a\r\rdata: [DONE]\r\rb'),
  event(0, 'X').replace('X', 'a\\\n\ndata: [DONE]\n\nb'),
  'data: [DONE]\n\n',
  ': ping\n\n',
  '\n',
  '\r\n',
]

/** Alike but for numbers and words, of which some tell how far the stream is. */
const LIKE_EVENTS: ((number: number) => string)[] = [
  (n) => event(0, 'a').replace('"id":"a"', `"created":${n},"id":"fp_${n}"`),
  (n) => event(n, 'a'),
  (n) => event(0, 'a').replace('"index"', '"inde\\u0078"').replace(':0', `:${n}`),
  (n) => event(0, 'a').replace('"index":0', `"index":"${n}"`),
  (n) => event(0, 'a', n % 2 === 0 ? '"stop"' : '"length"'),
  (n) => event(0, 'a', n % 2 === 0 ? '""' : '"stop"'),
  (n) => event(0, 'a').replace('"id":"a"', n % 2 === 0 ? '"error":""' : '"error":"a"'),
  (n) => event(0, 'a').replace('"id":"a"', n % 2 === 0 ? '"error":0' : '"error":[1]'),
  (n) => event(0, 'a').replace('"id"', n % 2 === 0 ? '"errox"' : '"error"'),
  (n) => event(0, 'a').replace(']}', `],"n":[${n}],"pad":"${'x'.repeat(n)}"}`),
]

/** The same of answers, which tell by their type. */
const TYPED_EVENTS: ((number: number) => string)[] = [
  (n) =>
    `event: e\ndata: {"type":"response.output_text.delta","item_id":"m_${n}","delta":"a","sequence_number":${n}}\n\n`,
  (n) => `data: {"type":"${n % 4 === 0 ? 'error' : 'other'}","delta":"a"}\n\n`,
  (n) => `data: {"type":"response.${n % 4 === 0 ? 'completed' : 'continued'}","delta":"a"}\n\n`,
]

describe('a stream whose events repeat', () => {
  it('knows one that is the same but for its text, its numbers and its words', () => {
    const progress = start()
    const like = (id: string, text: string): Buffer =>
      Buffer.from(event(0, text).replace('"a"', `"${id}","created":${id.length}`))
    readProgress(progress, like('chatcmpl-1', 'one'))
    expect(isKnown(progress, like('chatcmpl-22', 'two'))).toBe(true)
    expect(isKnown(progress, Buffer.from(event(0, 'two')))).toBe(false)
    expect(isKnown(progress, like('x', 'two').subarray(1))).toBe(false)
  })

  it('is known as far as one of which every event is read', () => {
    const random = createRandom(7)
    for (let round = 0; round < 3000; round++) {
      const [whole, byByte] = [start(), start()]
      for (let count = 0; count < 12; count++) {
        writeBoth(whole, byByte, EVENTS[Math.floor(random() ** 2 * EVENTS.length)] ?? '')
        expect(stateOf(whole)).toEqual(stateOf(byByte))
      }
    }
  })

  it.each([
    ['/v1/chat/completions', LIKE_EVENTS],
    ['/v1/responses', TYPED_EVENTS],
  ] as const)('is known as far where numbers and words differ: %s', (path, makers) => {
    const random = createRandom(11)
    for (const make of makers) {
      for (let round = 0; round < 300; round++) {
        const [whole, byByte] = [start(path), start(path)]
        for (let count = 0; count < 8; count++) {
          writeBoth(whole, byByte, make(Math.floor(random() * 12)))
          expect(stateOf(whole)).toEqual(stateOf(byByte))
        }
      }
    }
  })
})

function writeBoth(whole: StreamProgress, byByte: StreamProgress, text: string): void {
  const bytes = Buffer.from(text)
  if (!isKnown(whole, bytes)) readProgress(whole, bytes)
  // Nothing that comes byte by byte is a repeat.
  for (let at = 0; at < bytes.length; at++) readProgress(byByte, bytes.subarray(at, at + 1))
}
