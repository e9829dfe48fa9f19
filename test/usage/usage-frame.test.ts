import { describe, expect, it } from 'vitest'

import { createFrameFilter, endFrames, filterFrames } from '../../src/usage/usage-frame.ts'
import { createRandom } from '../helpers/random.ts'

const USAGE = '"usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3}'
const HEAD = '"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"gpt-4"'
const DELTA = `data: {${HEAD},"choices":[{"index":0,"delta":{"content":"你好 😀 []"},"finish_reason":null}],"usage":null}\n\n`
const FINISH = `data: {${HEAD},"choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"usage":null}\n\n`
const FRAME = `data: {${HEAD},"choices":[],${USAGE}}\n\n`
const DONE = 'data: [DONE]\n\n'

/** Passes a stream through the filter in pieces of this many bytes. */
function filter(text: string, pieceBytes: number): string {
  const frames = createFrameFilter()
  const bytes = Buffer.from(text)
  const out: Buffer[] = []
  for (let at = 0; at < bytes.length; at += pieceBytes) {
    // Reused memory, as a socket's read buffer is: what is kept must be a copy.
    const chunk = Buffer.from(bytes.subarray(at, at + pieceBytes))
    out.push(Buffer.from(filterFrames(frames, chunk)))
    chunk.fill(0)
  }
  out.push(endFrames(frames))
  return Buffer.concat(out).toString()
}

const PIECES = [1, 2, 3, 5, 7, 16, 64, 151, Number.POSITIVE_INFINITY]

describe('the usage frame', () => {
  it.each<[string, string]>([
    ['as it comes', FRAME],
    ['with its members in another order', `data: {${USAGE},"choices":[],${HEAD}}\n\n`],
    ['with spaces', `data: { "choices" : [ ] , "usage" : { } }\n\n`],
    ['without a space behind the colon', `data:{"choices":[],${USAGE}}\n\n`],
    ['with carriage returns', `data: {"choices":[],${USAGE}}\r\n\r\n`],
    ['with nothing but carriage returns', `data: {"choices":[],${USAGE}}\r\r`],
    ['over several lines', `data: {"choices":[],\ndata: ${USAGE}}\n\n`],
    ['with an id', `id: 7\ndata: {"choices":[],${USAGE}}\n\n`],
    ['twice', FRAME + FRAME],
  ])('is taken out %s, however it is cut', (_how, frame) => {
    for (const piece of PIECES) {
      expect(filter(DELTA + FINISH + frame + DONE, piece)).toBe(DELTA + FINISH + DONE)
      expect(filter(`${FINISH}: hello\n\n${frame}: ping\n\n`, piece)).toBe(
        `${FINISH}: hello\n\n: ping\n\n`,
      )
    }
  })

  it('does not keep a repeat from what is held in front of it', () => {
    const frames = createFrameFilter()
    filterFrames(frames, Buffer.from(DELTA + FINISH))
    expect(filterFrames(frames, Buffer.from(DELTA), true).toString()).toBe(DELTA)
    const cut = 'data: {"us'
    expect(filterFrames(frames, Buffer.from(cut)).toString()).toBe('')
    expect(filterFrames(frames, Buffer.from(DELTA), true).toString()).toBe(cut + DELTA)
  })

  it('is taken out where the stream ends without ending it', () => {
    for (const piece of PIECES) {
      expect(filter(DELTA + FINISH + FRAME.trimEnd(), piece)).toBe(DELTA + FINISH)
    }
  })

  it('is taken out between line ends of every kind', () => {
    const crlf = (text: string): string => text.replaceAll('\n', '\r\n')
    const cr = (text: string): string => text.replaceAll('\n', '\r')
    for (const piece of PIECES) {
      for (const as of [crlf, cr]) {
        expect(filter(as(FINISH + FRAME + DONE), piece)).toBe(as(FINISH + DONE))
      }
    }
  })
})

describe('everything else', () => {
  it.each<[string, string]>([
    ['an ordinary stream', DELTA.repeat(3) + FINISH + DONE],
    ['a last delta that carries the usage', `data: {"choices":[{"delta":{}}],${USAGE}}\n\n${DONE}`],
    ['a first frame with no choices', 'data: {"choices":[],"prompt_filter_results":[]}\n\n'],
    ['no choices and a usage of null', 'data: {"choices":[],"usage":null}\n\n'],
    ['no choices and a usage that is none', 'data: {"choices":[],"usage":[{}]}\n\n'],
    ['a usage without choices', `data: {${USAGE}}\n\n`],
    [
      'a model that speaks of it',
      `data: {"choices":[{"delta":{"content":${JSON.stringify(FRAME)}}}]}\n\n`,
    ],
    ['a frame inside another', `data: {"choices":[{"x":{"choices":[],${USAGE}}}]}\n\n`],
    ['broken JSON', `data: {"choices":[],${USAGE}\n\ndata: {\n\n${DELTA}`],
    ['comments', ': ping\n\n:\n: x\n\n:\n'],
    ['a comment inside an event', `data: {\n: x\ndata: }\n\n${DELTA}`],
    ['empty lines', '\n\n\n\r\n\r\n\r\r\n'],
    ['named events', 'event: error\ndata: {"error":{}}\n\nid: 1\nretry: 5\n\n'],
    ['lines of no known field', 'choices\nusage: {}\n\ndata\n\n'],
    ['an event that never ends', `data: {"choices":[],"usage":{"x":"${'y'.repeat(20_000)}`],
    ['a frame too long to be one', `data: {"choices":[],"usage":{"x":"${'y'.repeat(9000)}"}}\n\n`],
    ['what is no stream', '{"choices":[],"usage":{}}'],
    ['a null payload', 'data: null\n\ndata: []\n\ndata: 5\n\n'],
  ])('passes byte for byte, however it is cut: %s', (_what, text) => {
    for (const piece of PIECES) expect(filter(text, piece)).toBe(text)
  })

  it('leaves with the chunk that ends its event', () => {
    for (const event of [DELTA, FINISH, DONE, ': ping\n\n', 'data: {"choices":[]}\n\n']) {
      const bytes = Buffer.from(event)
      for (let cut = 1; cut < bytes.length; cut++) {
        const frames = createFrameFilter()
        const first = Buffer.from(filterFrames(frames, bytes.subarray(0, cut)))
        const second = filterFrames(frames, bytes.subarray(cut))
        expect(Buffer.concat([first, second]).toString()).toBe(event)
      }
    }
  })

  it('holds back nothing before the model has finished, however little has come', () => {
    for (const piece of [1, 2, 5, 64]) {
      const frames = createFrameFilter()
      const bytes = Buffer.from(DELTA + FINISH)
      for (let at = 0; at < bytes.length; at += piece) {
        const chunk = bytes.subarray(at, at + piece)
        expect(filterFrames(frames, chunk).equals(chunk)).toBe(true)
      }
    }
  })

  it('does not wait for the rest of a text', () => {
    const cut = Buffer.from(DELTA).indexOf('你')
    const frames = createFrameFilter()
    expect(filterFrames(frames, Buffer.from(DELTA).subarray(0, cut))).toHaveLength(cut)
  })

  it('does not wait for the rest of a comment, nor for an empty line behind it', () => {
    const frames = createFrameFilter()
    expect(filterFrames(frames, Buffer.from(':')).toString()).toBe(':')
    expect(filterFrames(frames, Buffer.from(' ping')).toString()).toBe(' ping')
    expect(filterFrames(frames, Buffer.from('\n')).toString()).toBe('\n')
    expect(filterFrames(frames, Buffer.from(FRAME)).toString()).toBe('')
  })

  it('holds no more than a frame could be long', () => {
    const frames = createFrameFilter()
    const chunk = Buffer.alloc(1000, 'x')
    filterFrames(frames, Buffer.from(FINISH))
    filterFrames(frames, Buffer.from('data: {"'))
    let passed = 0
    for (let i = 0; i < 100; i++) passed += filterFrames(frames, chunk).length
    expect(passed).toBe(8 + 100 * chunk.length)
  })
})

describe('a stream of anything', () => {
  it('loses its frames and nothing else, wherever it is cut', () => {
    const random = createRandom(11)
    const pick = (list: readonly string[]): string => list[Math.floor(random() * list.length)] ?? ''
    const others = [
      DELTA,
      FINISH,
      DONE,
      ': ping\n\n',
      ':\n',
      '\n',
      'event: x\ndata: 1\n\n',
      'data: {}\r\n\r\n',
    ]
    for (let i = 0; i < 1000; i++) {
      const rest = Array.from({ length: 6 }, () => (random() < 0.3 ? FRAME : pick(others)))
      const events = [FINISH, ...rest]
      const bytes = Buffer.from(events.join(''))
      const frames = createFrameFilter()
      const out: Buffer[] = []
      for (let at = 0; at < bytes.length;) {
        const next = at + 1 + Math.floor(random() * 200)
        out.push(Buffer.from(filterFrames(frames, bytes.subarray(at, next))))
        at = next
      }
      out.push(endFrames(frames))
      expect(Buffer.concat(out).toString()).toBe(events.filter((event) => event !== FRAME).join(''))
    }
  })
})
