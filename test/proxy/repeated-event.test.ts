import { describe, expect, it } from 'vitest'

import { findStreamForm } from '../../src/proxy/stream-form.ts'
import { createStreamProgress, type StreamProgress } from '../../src/proxy/stream-progress.ts'
import { createRandom } from '../helpers/random.ts'

const event = (index: number, content: string, finish = 'null'): string =>
  `data: {"id":"a","choices":[{"index":${index},"delta":{"content":${JSON.stringify(content)}},"finish_reason":${finish}}]}\n\n`

function start(): StreamProgress {
  const form = findStreamForm('/v1/chat/completions')
  if (form === undefined) throw new Error('no form')
  return createStreamProgress(form)
}

const stateOf = (progress: StreamProgress) => ({
  isBetween: progress.isBetweenEvents(),
  isFinished: progress.isFinished(),
  isEnded: progress.isEnded(),
  isErrorTold: progress.isErrorTold(),
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
  'data: [DONE]\n\n',
  ': ping\n\n',
  '\n',
  '\r\n',
]

describe('a stream whose events repeat', () => {
  it('is known as far as one of which every event is read', () => {
    const random = createRandom(7)
    for (let round = 0; round < 3000; round++) {
      const [whole, byByte] = [start(), start()]
      for (let count = 0; count < 12; count++) {
        const bytes = Buffer.from(EVENTS[Math.floor(random() ** 2 * EVENTS.length)] ?? '')
        whole.write(bytes)
        // Nothing that comes byte by byte is a repeat.
        for (let at = 0; at < bytes.length; at++) byByte.write(bytes.subarray(at, at + 1))
        expect(stateOf(whole)).toEqual(stateOf(byByte))
      }
    }
  })
})
