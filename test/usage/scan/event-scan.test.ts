import { describe, expect, it } from 'vitest'

import { countTokens } from '../../../src/demo/tokens.ts'
import { createEventScan } from '../../../src/usage/scan/event-scan.ts'
import { createJsonNames } from '../../../src/usage/scan/json-names.ts'
import { WANT } from '../../../src/usage/scan/json-reader.ts'
import { createTextCount } from '../../../src/usage/scan/text-count.ts'
import { createRandom } from '../../helpers/random.ts'

const names = createJsonNames(['content', 'usage'])

function scan(chunks: readonly (string | Buffer)[]): { tokens: number; usages: string[] } {
  const usages: string[] = []
  const text = createTextCount()
  const events = createEventScan({
    names,
    text,
    onName: (name) => (name === 'content' ? WANT.TEXT : WANT.OBJECT),
    onValue: (_name, json) => usages.push(json),
    onElement: () => {},
    onEnd: () => {},
  })
  for (const bytes of chunks) {
    // Reused memory, as a socket's read buffer is: what is kept must be a copy.
    const chunk = Buffer.from(bytes)
    events.write(chunk)
    chunk.fill(0)
  }
  return { tokens: text.tokens(), usages }
}

function cut(text: string, next: () => number): Buffer[] {
  const bytes = Buffer.from(text)
  const chunks: Buffer[] = []
  for (let at = 0; at < bytes.length;) {
    const end = at + next()
    chunks.push(bytes.subarray(at, end))
    at = end
  }
  return chunks
}

const PIECES = [1, 2, 3, 7, 64, Number.POSITIVE_INFINITY]
const delta = (content: string, rest = ''): string =>
  `data: {"id":"chatcmpl-1","choices":[{"index":0,"delta":{"content":${JSON.stringify(content)}}}]${rest}}\n\n`

describe('the event scan', () => {
  it.each<[string, string, number, string[]]>([
    ['data alone', delta('你好'), 2, []],
    ['data without a space', 'data:{"content":"你"}\n\n', 1, []],
    ['data over several lines', 'data: {"content":\ndata: "你"}\n\n', 1, []],
    ['carriage returns', delta('你').replaceAll('\n', '\r\n') + delta('你'), 2, []],
    ['nothing but carriage returns', (delta('你') + delta('你')).replaceAll('\n', '\r'), 2, []],
    [
      'carriage returns alone behind other fields',
      `: x\nevent: y\n${delta('你')}`.replaceAll('\n', '\r').repeat(2),
      2,
      [],
    ],
    [
      'data over several lines with carriage returns',
      'data: {"content":\r\ndata: "你"}\r\n\r\ndata: {"content":\rdata: "你"}\r\r',
      2,
      [],
    ],
    [
      'comments and other fields',
      `: "content":"你"\nid: {"content":"你"}\nevent: x\n${delta('你')}`,
      1,
      [],
    ],
    [
      'fields that begin alike',
      'data\ndat: {"content":"你"}\ndataset: {"content":"你"}\n\n',
      0,
      [],
    ],
    ['events that are no JSON', `data: [DONE]\n\ndata: {"content":"你\n\n${delta('你')}`, 2, []],
    ['an event that ends in an escape', `data: {"content":"\\u4f\n\n${delta('你')}`, 1, []],
    ['usage', `${delta('你', ',"usage":null')}${delta('', ',"usage":{"a":1}')}`, 1, ['{"a":1}']],
    ['usage in a text', delta('"usage":{"a":1}'), 4, []],
    ['an event that never ends', `data: {"x":"${'y'.repeat(50_000)}`, 0, []],
  ])('reads %s however it is cut', (_what, text, tokens, usages) => {
    for (const piece of PIECES) expect(scan(cut(text, () => piece))).toEqual({ tokens, usages })
  })

  it.each<[string, (index: number) => string]>([
    ['one after another', (i) => delta(`word${i}`)],
    ['with numbers of any length', (i) => delta('你', `,"n":${10 ** (i % 5)},"m":[${i}]`)],
    [
      'with padding',
      (i) => delta('你', `,"obfuscation":"${'aB3-_'.repeat(3).slice(0, 1 + (i % 12))}"`),
    ],
    ['with empty padding', (i) => delta('你', `,"obfuscation":"${i % 2 === 0 ? '' : 'ab'}"`)],
    ['with padding of every kind', (i) => delta('你', `,"x":"${i % 2 === 0 ? 'a+b' : 'a\\"b'}"`)],
    ['with several choices', (i) => delta('你').replace('"index":0', `"index":${i % 3}`)],
    ['with names that differ', (i) => delta('你', `,"n${i}":{"content":"好"}`)],
    [
      'with names that come to be known',
      (i) => delta('你', `,"${['aaaaa', 'usage', 'bbbbb'][i % 3]}":{"b":${i}}`),
    ],
    ['with another text', (i) => delta('你', i % 2 === 0 ? ',"z":"a"' : ',"content":"a"')],
    [
      'with a text where a value was',
      (i) => `data: {"a":"${i % 2 === 0 ? 'x' : 'y'}","content":"a:\\"b${i}"}\n\n`,
    ],
    ['with more behind the text', (i) => delta('你', i % 2 === 0 ? '' : ',"usage":{"b":2}')],
    [
      'with lines that go on',
      (i) => `data: {"content":"你"${i % 2 === 0 ? '}' : '\ndata: ,"content":"好"}'}\n\n`,
    ],
    ['with texts that are lists', (i) => `data: {"content":[${'"你",'.repeat(i % 3)}"好"]}\n\n`],
  ])('reads events that are alike as it reads each alone: %s', (_what, make) => {
    const events = Array.from({ length: 60 }, (_, index) => make(index))
    const apart = events.map((event) => scan([event]))
    const together = scan(events)
    expect(together.usages).toEqual(apart.flatMap(({ usages }) => usages))
    // Runs of letters go on from one event to the next, so only what stands alone can be added up.
    const text = events.map(textOf).join('')
    expect(together.tokens).toBe(countTokens(text))
  })

  it('reads what JSON.parse would find, over many made-up streams', () => {
    const random = createRandom(13)
    const pick = <T>(list: readonly T[], other: T): T =>
      list[Math.floor(random() * list.length)] ?? other
    for (let i = 0; i < 400; i++) {
      const rests = [
        '',
        ',"usage":null',
        ',"usage":{"a":1}',
        ',"seq":1',
        ',"seq":22',
        ',"pad":"x1"',
        ',"pad":"yy"',
      ]
      const texts = ['你', ' word', '', '\\', '"', '😀', '\n', 'ab:"x']
      const events = Array.from({ length: 20 }, () => delta(pick(texts, ''), pick(rests, '')))
      const { tokens, usages } = scan(cut(events.join(''), () => 1 + Math.floor(random() * 400)))
      expect(tokens).toBe(countTokens(events.map(textOf).join('')))
      expect(usages).toHaveLength(events.filter((event) => event.includes('{"a":1}')).length)
    }
  })
})

/** The text of an event, found by parsing it. */
function textOf(event: string): string {
  const data = event
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.slice('data: '.length))
  let text = ''
  JSON.parse(
    data.join('').replaceAll('"content"', () => `"content${text.length}${Math.random()}"`),
    (key, value) => {
      if (key.startsWith('content')) text += Array.isArray(value) ? value.join('') : String(value)
      return value as unknown
    },
  )
  return text
}
