import { describe, expect, it } from 'vitest'

import { countTokens } from '../../../src/demo/tokens.ts'
import { createTextCount } from '../../../src/usage/scan/text-count.ts'
import { createRandom } from '../../helpers/random.ts'

const PIECES = [1, 2, 3, 5, Number.POSITIVE_INFINITY]

/** Every character as an escape, as Python's json.dumps writes it. */
const escapeAll = (text: string): string =>
  Array.from({ length: text.length }, (_, index) => {
    return `\\u${text.charCodeAt(index).toString(16).padStart(4, '0')}`
  }).join('')

function countJson(json: string, pieceBytes: number): { tokens: number; characters: number } {
  const count = createTextCount()
  const bytes = Buffer.from(json)
  // From behind the opening quote.
  count.beginJson()
  for (let at = 1; at < bytes.length; at += pieceBytes) {
    const to = Math.min(bytes.length, at + pieceBytes)
    expect(count.readJson(bytes, at, to)).toBe(to === bytes.length ? to : -1)
  }
  return { tokens: count.tokens(), characters: count.characters() }
}

function countPlain(text: string): { tokens: number; characters: number } {
  const count = createTextCount()
  count.readPlain(Buffer.from(text))
  return { tokens: count.tokens(), characters: count.characters() }
}

const TEXTS: [string, number][] = [
  ['', 0],
  ['a', 1],
  ['four', 1],
  ['fives', 2],
  ['Grüße, ça va', 3],
  ['你好', 2],
  ['你 好', 3],
  ['hello你好hello', 6],
  ['ひらがなカタカナ한국어', 11],
  ['😀👍', 2],
  ['Привет', 3],
  ['ab Привет', 4],
  ['नमस्ते', 3],
  ['“—”…', 2],
  ['⺀⻿', 2],
  ['⹿⹿', 1],
  ['\n\t"\\', 1],
]

describe('the estimate of a text', () => {
  it.each(TEXTS)('counts %j as %i, raw or escaped, however it is cut', (text, tokens) => {
    const expected = { tokens, characters: Array.from(text).length }
    expect(countPlain(text)).toEqual(expected)
    for (const piece of PIECES) {
      expect(countJson(JSON.stringify(text), piece)).toEqual(expected)
      expect(countJson(`"${escapeAll(text)}"`, piece)).toEqual(expected)
    }
  })

  it('agrees with the demo upstream on Latin text, Chinese and emoji', () => {
    const random = createRandom(3)
    const characters = Array.from('abc XYZ 123,.!é你好世界。，「」ひら한국😀🎉')
    for (let i = 0; i < 500; i++) {
      const length = Math.floor(random() * 40)
      const text = Array.from(
        { length },
        () => characters[Math.floor(random() * characters.length)],
      ).join('')
      expect({ text, ...countPlain(text) }).toMatchObject({ tokens: countTokens(text) })
      expect({ text, ...countJson(JSON.stringify(text), 3) }).toMatchObject({
        tokens: countTokens(text),
      })
    }
  })

  it('goes on in the run that the text before began', () => {
    const count = createTextCount()
    for (const delta of ['He', 'll', 'o,', ' wo', 'rld']) count.readPlain(Buffer.from(delta))
    expect(count.tokens()).toBe(3)
  })

  it('takes quotes and backslashes for text where it is not JSON', () => {
    expect(countPlain('"a"\\n\\你"')).toEqual({ tokens: 4, characters: 8 })
  })

  it('ends a string at its quote, whatever stands before it', () => {
    const count = createTextCount()
    for (const before of [[0xe2], [0xe4], [0xe4, 0xbd], [0xff], [0x5c, 0x5c]]) {
      const bytes = Buffer.from([...before, 0x22, 0x61])
      count.beginJson()
      expect(count.readJson(bytes, 0, bytes.length)).toBe(before.length + 1)
    }
  })

  it('takes bytes that are no UTF-8 and escapes that are none', () => {
    const count = createTextCount()
    count.readPlain(Buffer.from([0x80, 0xbf, 0xff, 0xc0, 0xf8, 0xe2]))
    expect(count.tokens()).toBe(0)
    count.beginJson()
    count.readJson(Buffer.from('\\uzzzz\\x\\'), 0, 9)
    expect(count.characters()).toBe(2)
    count.beginJson()
    count.readJson(Buffer.from('abcd'), 0, 4)
    expect(count.characters()).toBe(6)
  })
})
