import { describe, expect, it } from 'vitest'

import { createJsonNames } from '../../../src/usage/scan/json-names.ts'
import { createLinePattern, matchPattern } from '../../../src/usage/scan/line-pattern.ts'
import {
  createShapePool,
  type Ends,
  shapeOf,
  shareShape,
} from '../../../src/usage/scan/shape-pool.ts'

const toEnds = (head: string, tail: string): Ends => [Buffer.from(head), Buffer.from(tail)]

const FIXED = createJsonNames(['index', 'finish_reason'])

/** Whether the whole of a text is of another's pattern. */
function isLike(learned: string, text: string, fixed: { names?: typeof FIXED } = { names: FIXED }) {
  const pattern = createLinePattern(Buffer.from(learned), fixed.names)
  const bytes = Buffer.from(`x${text}`)
  return matchPattern(pattern, bytes, 1) === bytes.length
}

describe('the pattern of a line', () => {
  it.each<[string, string, string]>([
    ['a word', '{"id":"a"}', '{"id":"chatcmpl-1:2.3/4 + 5"}'],
    ['an empty word', '{"id":"a"}', '{"id":""}'],
    ['a number', '{"created":1}', '{"created":1733000000}'],
    ['behind a space', '{"id": "a", "n": 1}', '{"id": "bc", "n": 23}'],
    ['several', '{"a":1,"b":"x","c":2}', '{"a":22,"b":"","c":333}'],
    ['nothing', '{"a":null}', '{"a":null}'],
  ])('leaves values open: %s', (_what, learned, text) => {
    expect(isLike(learned, text)).toBe(true)
    expect(isLike(learned, text, {})).toBe(true)
  })

  it.each<[string, string, string]>([
    ['values of names that tell something', '{"index":0}', '{"index":1}'],
    ['words of names that tell something', '{"finish_reason":"a"}', '{"finish_reason":"b"}'],
    ['a name that is written otherwise', '{"inde\\u0078":0}', '{"inde\\u0078":1}'],
    ['numbers in a list', '{"a":[1]}', '{"a":[2]}'],
    ['numbers in a text', '{"a":"\\n1"}', '{"a":"\\n2"}'],
    ['words in a list', '{"a":["x"]}', '{"a":["y"]}'],
  ])('keeps what may tell something: %s', (_what, learned, text) => {
    expect(isLike(learned, learned)).toBe(true)
    expect(isLike(learned, text)).toBe(false)
  })

  it.each<[string, string, string]>([
    ['another name', '{"a":1}', '{"b":1}'],
    ['no number', '{"a":1}', '{"a":}'],
    ['a word for a number', '{"a":1}', '{"a":"1"}'],
    ['an escape in a word', '{"a":"x"}', '{"a":"\\"}'],
    ['a word that does not end', '{"a":"x"}', '{"a":"x'],
    ['a line end in a word', '{"a":"x"}', '{"a":"\n"}'],
    ['a name behind a word that ends with a colon', '{"a":"x:","b":1}', '{"a":"y:"}'],
    ['less', '{"a":1}', '{"a":1'],
    ['more', '{"a":1}', '{"a":1}}'],
  ])('is not of %s', (_what, learned, text) => {
    expect(isLike(learned, text)).toBe(false)
    expect(isLike(learned, text, {})).toBe(false)
  })

  it('leaves numbers open wherever they stand, where no name tells anything', () => {
    expect(isLike('{"a":[1,-2.5]}', '{"a":[33,-4.25]}', {})).toBe(true)
    expect(isLike('{"b64_json":"x"}', '{"b65_json":"x"}', {})).toBe(false)
  })
})

describe('the shapes of all streams', () => {
  const shape = (pool: ReturnType<typeof createShapePool>, ...ends: [string, string]) =>
    shapeOf(pool, toEnds(...ends))

  it('are the same for events that differ in their values alone', () => {
    const pool = createShapePool(FIXED)
    const one = shape(pool, '{"id":"a","text":"', '","n":1}')
    expect(shape(pool, '{"id":"a","text":"', '","n":1}')).not.toBe(one)
    expect(shareShape(pool, one, toEnds('{"id":"b","text":"', '","n":2}'))).toBe(one)
    expect(shape(pool, '{"id":"bc","text":"', '","n":23}')).toBe(one)
    expect(shape(pool, '{"id":"bc","text":"', '","m":23}')).not.toBe(one)
    expect(shape(pool, '{"x":"bc","text":"', '","n":23}')).not.toBe(one)
  })

  it('are as many as are kept, however many there have been', () => {
    const pool = createShapePool()
    for (let round = 0; round < 1000; round++) {
      const ends: [string, string] = [`{"${'x'.repeat(round)}":"`, '"}']
      const learned = [shape(pool, ...ends), shape(pool, ...ends)]
      // Two streams that began together end with one.
      const shared = learned.map((each) => shareShape(pool, each, toEnds(...ends)))
      expect(new Set([...shared, shape(pool, ...ends)]).size).toBe(1)
    }
    expect(pool.shapes.length).toBe(16)
    expect(shape(pool, `{"${'x'.repeat(999)}":"`, '"}')).toBe(pool.shapes[(1000 - 1) % 16])
  })
})
