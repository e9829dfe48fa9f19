// An upstream may answer anything under any type: bytes at random, JSON cut and joined at random, numbers that
// overflow, megabytes without an end. None of it may throw, be charged below zero, or be kept.

import { describe, expect, it } from 'vitest'

import { createDemandMeter } from '../../src/usage/demand.ts'
import type { Endpoint } from '../../src/usage/endpoint.ts'
import { createFormDemandMeter } from '../../src/usage/form-demand.ts'
import { createMeter, type Meter } from '../../src/usage/meter.ts'
import type { Usage } from '../../src/usage/usage.ts'
import { createFrameFilter, endFrames, filterFrames } from '../../src/usage/usage-frame.ts'
import { createRandom } from '../helpers/random.ts'

const ENDPOINTS: readonly Endpoint[] = [
  'chat',
  'completions',
  'responses',
  'embeddings',
  'images',
  'speech',
  'transcription',
  'task',
  'other',
  'free',
]

const SCRAPS = [
  'data: ',
  '\n\n',
  '\r\n',
  '{',
  '}',
  '[',
  ']',
  ':',
  ',',
  '"',
  '\\',
  '\\u00',
  '"usage"',
  '"usage":{"prompt_tokens":-1}',
  '"usage":{"prompt_tokens":1e999,"completion_tokens":9007199254740993}',
  '"usage":{"completion_tokens":5}',
  '"content":"你好',
  '"delta":"',
  '"data":[{',
  '"type":"image_generation.completed"',
  '"error":{',
  '"response":{',
  'null',
  '-1e99',
  '\u0000',
  '😀',
  '__proto__',
]

const random = createRandom(23)
const pick = <T>(list: readonly T[]): T | undefined => list[Math.floor(random() * list.length)]

function makeNoise(): Buffer {
  const pieces = Array.from({ length: 1 + Math.floor(random() * 40) }, () =>
    random() < 0.9
      ? Buffer.from(pick(SCRAPS) ?? '')
      : Buffer.from(Array.from({ length: 5 }, () => Math.floor(random() * 256))),
  )
  return Buffer.concat(pieces)
}

function expectSane(usage: Usage): void {
  for (const [name, count] of Object.entries<number>({ ...usage })) {
    const isSane = Number.isInteger(count) && count >= 0 && count <= 100_000_000
    expect({ name, count, isSane }).toEqual({ name, count, isSane: true })
  }
  expect(usage.cachedTokens).toBeLessThanOrEqual(usage.inputTokens)
  expect(usage.reasoningTokens).toBeLessThanOrEqual(usage.outputTokens)
}

function begin(endpoint: Endpoint, isEventStream: boolean): Meter {
  const demand = createDemandMeter(endpoint)
  demand.write(makeNoise())
  const meter = createMeter({ endpoint, demand: demand.read })
  const contentType = pick(['application/json', 'audio/wav', 'text/plain', undefined])
  meter.begin({ status: 200, isEventStream, contentType })
  return meter
}

describe('noise', () => {
  it.each(ENDPOINTS)('is metered without a throw, and never below zero: %s', (endpoint) => {
    for (let i = 0; i < 400; i++) {
      const meter = begin(endpoint, random() < 0.5)
      for (let pieces = Math.floor(random() * 6); pieces > 0; pieces--) meter.write(makeNoise())
      expect(meter.outputTokens()).toBeGreaterThanOrEqual(0)
      expectSane(meter.read(false).usage)
      expectSane(meter.read(true).usage)
    }
  })

  it('in a form is measured without a throw', () => {
    for (let i = 0; i < 400; i++) {
      const form = createFormDemandMeter('images', 'data')
      for (let pieces = 0; pieces < 4; pieces++) {
        form.write(Buffer.concat([Buffer.from('\r\n--data\r\n'), makeNoise()]))
      }
      expect(form.read().images).toBeGreaterThanOrEqual(1)
    }
  })

  it('is passed on byte for byte where it is no usage frame', () => {
    for (let i = 0; i < 2000; i++) {
      const filter = createFrameFilter()
      const chunks = Array.from({ length: 4 }, makeNoise)
      const out: Buffer[] = chunks.map((chunk) => Buffer.from(filterFrames(filter, chunk)))
      out.push(endFrames(filter))
      expect(Buffer.concat(out).equals(Buffer.concat(chunks))).toBe(true)
    }
  })
})

describe('an answer without an end', () => {
  it.each<[string, string, string]>([
    ['in a text', 'data: {"choices":[{"delta":{"content":"', 'x'.repeat(1024)],
    ['in a name', 'data: {"', 'x'.repeat(1024)],
    ['in a usage', 'data: {"usage":{"a":"', 'x'.repeat(1024)],
    ['in a number', 'data: {"usage":{"prompt_tokens":1', '0'.repeat(1024)],
    ['in its depth', 'data: ', '['.repeat(1024)],
    ['in a field', '', 'x'.repeat(1024)],
  ])('is not kept: %s', (_where, beginning, more) => {
    const chunk = Buffer.from(more)
    for (const isEventStream of [true, false]) {
      const meter = begin('chat', isEventStream)
      const filter = createFrameFilter()
      meter.write(Buffer.from(beginning))
      filterFrames(filter, Buffer.from(beginning))
      const before = process.memoryUsage()
      for (let i = 0; i < 8 * 1024; i++) {
        meter.write(chunk)
        filterFrames(filter, chunk)
      }
      const after = process.memoryUsage()
      // 8 MiB have passed.
      expect(after.arrayBuffers - before.arrayBuffers).toBeLessThan(4 * 1024 * 1024)
      expectSane(meter.read(false).usage)
    }
  })
})
