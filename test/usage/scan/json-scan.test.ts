import { describe, expect, it } from 'vitest'

import { createJsonNames } from '../../../src/usage/scan/json-names.ts'
import { type JsonReader, WANT, type Want } from '../../../src/usage/scan/json-reader.ts'
import { writeJson } from '../../../src/usage/scan/json-scan.ts'
import { createScanState } from '../../../src/usage/scan/scan-state.ts'
import { createTextCount } from '../../../src/usage/scan/text-count.ts'
import { createRandom } from '../../helpers/random.ts'

const PIECES = [1, 2, 3, 5, 7, 16, 64, Number.POSITIVE_INFINITY]

const WANTED: Readonly<Record<string, Want>> = {
  content: WANT.TEXT,
  tools: WANT.ALL_TEXT,
  value: WANT.VALUE,
  usage: WANT.OBJECT,
  data: WANT.ELEMENTS,
  inner: WANT.NOTHING,
}
const names = createJsonNames(Object.keys(WANTED))

interface Told {
  /** Name, depth and parent of every member. */
  names: string[]
  values: string[]
  elements: number
  ends: number
  characters: number
  tokens: number
}

function scan(json: string, pieceBytes: number): Told {
  const told: Told = { names: [], values: [], elements: 0, ends: 0, characters: 0, tokens: 0 }
  const text = createTextCount()
  const reader: JsonReader = {
    names,
    text,
    onName(name, depth, parent) {
      told.names.push(`${parent}.${name}@${depth}`)
      return WANTED[name] ?? WANT.NOTHING
    },
    onValue: (name, value) => told.values.push(`${name}=${value}`),
    onElement: () => told.elements++,
    onEnd: () => told.ends++,
  }
  const scan = createScanState(reader)
  const bytes = Buffer.from(json)
  for (let at = 0; at < bytes.length; at += pieceBytes) {
    // Reused memory, as a socket's read buffer is: what is kept must be a copy.
    const chunk = Buffer.from(bytes.subarray(at, at + pieceBytes))
    writeJson(scan, chunk, 0, chunk.length)
    chunk.fill(0)
  }
  return { ...told, characters: text.characters(), tokens: text.tokens() }
}

describe('the JSON scan', () => {
  it.each<[string, Partial<Told>]>([
    ['{}', { ends: 1 }],
    ['[]', { ends: 1 }],
    ['{"value":1}', { values: ['value=1'] }],
    ['{"value": -1.5e3 ,"x":2}', { values: ['value=-1.5e3'] }],
    ['{"value":"a\\"}b"}', { values: ['value="a\\"}b"'] }],
    ['{"value":null,"x":{"value":true}}', { values: ['value=null', 'value=true'] }],
    ['{"value":{"value":[1,{"value":2}]}}', { values: ['value={"value":[1,{"value":2}]}'] }],
    ['{"value":[1, "]"]}', { values: ['value=[1, "]"]'] }],
    ['{"v\\u0061lue":1}', { values: ['value=1'] }],
    ['{"usage":null}', { names: ['.usage@1'], values: [] }],
    ['{"usage":[{}]}', { values: [] }],
    ['{"usage":{"a":{}}}', { names: ['.usage@1'], values: ['usage={"a":{}}'] }],
    ['{"inner":{"usage":{}}}', { names: ['.inner@1', 'inner.usage@2'], values: ['usage={}'] }],
    ['{"inner":[{"usage":{}}]}', { names: ['.inner@1', '.usage@3'] }],
    ['{"content":"hello"}', { characters: 5, tokens: 2 }],
    ['{"content":["你好","世界"]}', { characters: 4, tokens: 4 }],
    ['{"content":[["ab"],[1,2,3],4]}', { characters: 2, tokens: 5 }],
    ['{"content":{"x":"hello"}}', { characters: 0 }],
    ['{"content":[{"x":"hello"},"y"]}', { characters: 1 }],
    ['{"content":5}', { tokens: 0 }],
    ['{"x":"content","content":"content"}', { characters: 7 }],
    ['{"tools":[{"name":"ab","x":{"y":["cd",5]}}],"z":"no"}', { characters: 10 }],
    ['{"tools":{"content":"ab"}}', { characters: 9, names: ['.tools@1'] }],
    ['{"data":[{},{"a":[{}]},5,"x",[{}]]}', { elements: 2 }],
    ['{"data":{"a":{}}}', { elements: 0 }],
    ['{"x":"{\\"value\\":1}"}', { values: [] }],
    ['"value"', { names: [] }],
    ['{"value":1}{"value":2}', { values: ['value=1', 'value=2'], ends: 2 }],
  ])('tells of %s however it is cut', (json, told) => {
    for (const piece of PIECES) expect(scan(json, piece)).toMatchObject(told)
  })

  it.each([
    '',
    '}',
    ']]]',
    '{"value":',
    '{"value',
    '{"a":"\\',
    '{"usage":{',
    '"',
    '{"content":"\\u12',
  ])('takes what is no JSON: %j', (json) => {
    for (const piece of PIECES) expect(scan(json, piece)).toMatchObject({ values: [], ends: 0 })
  })

  it('passes over strings of any length, whatever is escaped in them', () => {
    for (const filler of [
      'A'.repeat(1000),
      '\\/abc'.repeat(300),
      '\\\\'.repeat(400),
      '\\"'.repeat(400),
    ]) {
      const json = `{"x":"${filler}","value":1,"y":"${filler}","content":"ab"}`
      for (const piece of [1, 7, 160, 161, 1000, 100_000]) {
        expect(scan(json, piece)).toMatchObject({ values: ['value=1'], characters: 2 })
      }
    }
  })

  it('does not tell a value that is too long, and goes on behind it', () => {
    const json = `{"value":"${'x'.repeat(9000)}","usage":{"a":"${'y'.repeat(9000)}"},"content":"ab"}`
    for (const piece of [100, 4096, 100_000]) {
      expect(scan(json, piece)).toMatchObject({ values: [], characters: 2 })
    }
  })

  it('tells nothing of what is nested too deep, and goes on behind it', () => {
    const deep = `${'['.repeat(5000)}{"value":1}${']'.repeat(5000)}`
    expect(scan(`{"x":${deep},"value":2}`, 100)).toMatchObject({ values: ['value=2'], ends: 1 })
  })

  it('tells what JSON.parse would find, over many made-up documents', () => {
    const random = createRandom(5)
    for (let i = 0; i < 3000; i++) {
      const value = makeObject(random, 0)
      const json = JSON.stringify(value, null, random() < 0.5 ? 0 : 1)
      const told = scan(json, 1 + Math.floor(random() * 60))
      expect({ json, ...summary(told) }).toEqual({ json, ...find(value) })
    }
  })
})

type Json = string | number | boolean | null | Json[] | { [key: string]: Json }
type Summary = Pick<Told, 'characters' | 'elements'> & { values: Json[]; ends: number }

const summary = ({ characters, elements, values, ends }: Told): Summary => ({
  characters,
  elements,
  values: values.map((text): Json => JSON.parse(text.slice(text.indexOf('=') + 1))),
  ends,
})

/** The same, from the parsed document. */
function find(document: { [key: string]: Json }): Summary {
  const found: Summary = { characters: 0, elements: 0, values: [], ends: 1 }
  const countText = (value: Json): void => {
    if (typeof value === 'string') found.characters += Array.from(value).length
    else if (Array.isArray(value)) for (const item of value) countText(item)
    else visit(value)
  }
  const countAll = (value: Json): void => {
    if (typeof value === 'string') found.characters += Array.from(value).length
    else if (Array.isArray(value)) for (const item of value) countAll(item)
    else if (isObject(value))
      for (const pair of Object.entries(value)) for (const part of pair) countAll(part)
  }
  const visitMember = (name: string, value: Json): void => {
    if (name === 'content') return countText(value)
    if (name === 'tools') return countAll(value)
    if (name === 'value' || (name === 'usage' && isObject(value)))
      return void found.values.push(value)
    if (name === 'data' && Array.isArray(value)) found.elements += value.filter(isObject).length
    visit(value)
  }
  const visit = (value: Json): void => {
    if (Array.isArray(value)) for (const item of value) visit(item)
    else if (isObject(value))
      for (const [name, inner] of Object.entries(value)) visitMember(name, inner)
  }
  visit(document)
  return found
}

const isObject = (value: Json): value is { [key: string]: Json } =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const TEXTS = [
  '',
  'hello',
  '你好',
  '"',
  '\\',
  '\\"',
  '{"value":1}',
  '\u0001',
  '😀',
  'a'.repeat(200),
]
const NAMES = [...Object.keys(WANTED), 'x', '"', 'a\\b', 'val', 'values']

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
