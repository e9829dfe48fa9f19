import { describe, expect, it } from 'vitest'

import { type BodyFields, createBodyFieldScanner } from '../../src/policy/body-fields.ts'
import { createRandom } from '../helpers/random.ts'

/** Scans a text in pieces of this many bytes. */
function scan(text: string, pieceBytes = Number.POSITIVE_INFINITY): BodyFields | string {
  const scanner = createBodyFieldScanner()
  const bytes = Buffer.from(text)
  for (let at = 0; at < bytes.length; at += pieceBytes) {
    const refusal = scanner.write(bytes.subarray(at, at + pieceBytes))
    if (refusal !== undefined) return refusal
  }
  return scanner.end()
}

const PIECES = [1, 2, 3, 7, 64, Number.POSITIVE_INFINITY]

describe('the body field scanner', () => {
  it.each<[string, BodyFields]>([
    ['{}', {}],
    [' { } \r\n', {}],
    [
      '{"model":"gpt-4","stream":true,"n":2,"max_tokens":12}',
      { model: 'gpt-4', stream: true, n: 2, maxTokens: 12 },
    ],
    ['{"max_tokens":1,"max_completion_tokens":3,"max_output_tokens":2}', { maxTokens: 3 }],
    ['{"messages":[{"model":"x","content":"\\"}]"}],"model":"y"}', { model: 'y' }],
    ['{"mod\\u0065l":"\\u4f60"}', { model: '你' }],
    ['{"model":"你好😀"}', { model: '你好😀' }],
    ['{"a":"\\\\","model":"m"}', { model: 'm' }],
    ['{"a":"\\\\\\"","model":"m"}', { model: 'm' }],
    ['{"model":5,"stream":"true","n":null}', {}],
    ['{"model":{"name":"x"},"stream":[true]}', {}],
    ['{"n":-1.5e3}', { n: -1500 }],
    ['{"a":{},"b":[],"c":[[{}]]}', {}],
  ])('reads %s however it is cut', (text, fields) => {
    for (const piece of PIECES) expect(scan(text, piece)).toEqual(fields)
  })

  it.each([
    '',
    ' ',
    '[]',
    '"x"',
    '1',
    'null',
    '{',
    '{"a"',
    '{"a":',
    '{"a":1',
    '{"a":1,',
    '{"a":1,}',
    '{,}',
    '{"a" 1}',
    '{"a":1 2}',
    '{"a":1 "b":2}',
    '{a:1}',
    "{'a':1}",
    '{"a":1}}',
    '{"a":1}{}',
    '{"a":1}x',
    '{"a":[1}',
    '{"a":{]}',
    '{"a":/* " */1}',
    '{"a":[/* " */],"model":"m"}',
    '{"a":NaN}',
    '{"n":tru}',
    '{"n":01}',
    '{"model":"\\x"}',
    '{"model":"a\nb"}',
    '\ufeff{}',
    `${'{"a":'.repeat(300)}1${'}'.repeat(300)}`,
  ])('refuses %j however it is cut', (text) => {
    for (const piece of PIECES) expect(scan(text, piece)).toEqual(expect.any(String))
  })

  it.each([
    '{"model":"a","model":"b"}',
    '{"stream":true,"x":1,"stream":false}',
    '{"model":"a","\\u006dodel":"b"}',
    '{"stream_options":{},"stream_options":{}}',
  ])('refuses a name twice: %s', (text) => {
    for (const piece of PIECES) expect(scan(text, piece)).toMatch(/twice/)
  })

  it.each(['{"Model":"a"}', '{"MODEL":"a"}', '{"ſtream":true}', '{"max_to\u212aens":1}'])(
    'refuses a name that some parsers fold to another: %s',
    (text) => {
      for (const piece of PIECES) expect(scan(text, piece)).toMatch(/in other letters/)
    },
  )

  it('takes what JSON.parse takes, and reads the same, over many made-up bodies', () => {
    const random = createRandom(42)
    for (let i = 0; i < 3000; i++) {
      const value = makeObject(random, 0)
      const text = JSON.stringify(value, null, random() < 0.5 ? 0 : 1)
      const fields = scan(text, 1 + Math.floor(random() * 40))
      const { model, stream, n } = value
      const expected = {
        ...(typeof model === 'string' && { model }),
        ...(typeof stream === 'boolean' && { stream }),
        ...(typeof n === 'number' && { n }),
      }
      expect({ text, fields }).toEqual({ text, fields: expected })
    }
  })

  it('never takes as whole what JSON.parse refuses, but for the inside of nested values', () => {
    const random = createRandom(7)
    const alphabet = '{}[]:,"\\ 1atrue'
    for (let i = 0; i < 20_000; i++) {
      const length = 1 + Math.floor(random() * 12)
      const text = `{${Array.from({ length }, () => alphabet[Math.floor(random() * alphabet.length)]).join('')}`
      if (/[[{]/.test(text.slice(1))) continue
      const fields = scan(text)
      if (typeof fields === 'string') continue
      // Values that policy does not read are checked by the upstream, so only the frame has to hold.
      expect(text).toMatch(
        /^\{\s*(?:"(?:[^"\\]|\\.)*"\s*:\s*(?:"(?:[^"\\]|\\.)*"|[^\s,:"{}[\]]+)\s*,?\s*)*\}\s*$/,
      )
    }
  })
})

type Json = string | number | boolean | null | Json[] | { [key: string]: Json }

const TEXTS = [
  '',
  'gpt-4',
  '你好',
  '"',
  '\\',
  '\\"',
  '{"model":"x"}',
  '\u0001',
  '😀',
  'a'.repeat(40),
]
const NAMES = ['model', 'stream', 'n', 'messages', 'content', 'x', '"', 'a\\b']

function makeValue(random: () => number, depth: number): Json {
  const kind = Math.floor(random() * (depth > 3 ? 4 : 6))
  if (kind === 0) return TEXTS[Math.floor(random() * TEXTS.length)] ?? ''
  if (kind === 1) return Math.round((random() - 0.5) * 1e6) / 1000
  if (kind === 2) return random() < 0.5
  if (kind === 3) return null
  if (kind === 4)
    return Array.from({ length: Math.floor(random() * 4) }, () => makeValue(random, depth + 1))
  return makeObject(random, depth + 1)
}

function makeObject(random: () => number, depth: number): { [key: string]: Json } {
  const entries = Array.from({ length: Math.floor(random() * 6) }, (): [string, Json] => [
    NAMES[Math.floor(random() * NAMES.length)] ?? '',
    makeValue(random, depth),
  ])
  return Object.fromEntries(entries)
}
