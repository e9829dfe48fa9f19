import { describe, expect, it } from 'vitest'

import { createEventHold, holdBack, isHolding } from '../../src/proxy/event-hold.ts'
import { findStreamForm } from '../../src/proxy/stream-form.ts'
import { createStreamProgress, readProgress } from '../../src/proxy/stream-progress.ts'
import { createRandom } from '../helpers/random.ts'

const MAX_HELD_BYTES = 64 * 1024

/** The way of a stream's bytes: read as far as it has come, and held where an event is open. */
function start(path = '/v1/chat/completions') {
  const form = findStreamForm(path)
  if (form === undefined) throw new Error('no form')
  const progress = createStreamProgress(form)
  const hold = createEventHold()
  const write = (bytes: Buffer | string): string => {
    const chunk = Buffer.from(bytes)
    readProgress(progress, chunk)
    return holdBack(hold, chunk, progress.openBytes).toString()
  }
  return { write, isHolding: () => isHolding(hold), progress }
}

describe('an event that has not come whole', () => {
  it('waits for its data, and what stands before it does not', () => {
    const { write, isHolding } = start()
    expect(write('data: {"a":1}\n\n: ping\n\nevent: x\nda')).toBe('data: {"a":1}\n\n: ping\n\n')
    expect(write('ta: {"b":')).toBe('')
    expect(isHolding()).toBe(true)
    expect(write('2}')).toBe('event: x\ndata: {"b":2}')
    expect(isHolding()).toBe(false)
    expect(write('\n')).toBe('\n')
    expect(write('\ndata: {"c"')).toBe('\n')
    expect(write(':3}\n\ndata: {')).toBe('data: {"c":3}\n\n')
  })

  it.each([
    ['data in several lines', 'data: {"a":\ndata: 1}'],
    ['data that is no JSON', 'data: hello\n\n'],
    ['no data', 'retry: 5\n\n'],
    ['the mark of the end', 'data: [DONE]'],
    ['line ends of two bytes', 'data: {"a":\r\ndata: 1}'],
    ['a name of a field of no known kind', 'x: {"a":1}\n\n'],
    ['an array', 'data: [{"a":[1]}]'],
    ['a text with all that ends one', 'data: {"a":"}\\"}]\\\\"}'],
  ])('passes with its last byte: %s', (_what, event) => {
    const { write } = start()
    const bytes = Buffer.from(event)
    for (let at = 0; at < bytes.length - 1; at++) expect(write(bytes.subarray(at, at + 1))).toBe('')
    expect(write(bytes.subarray(-1))).toBe(event)
  })

  it('may be as long as the bound, and passes as it comes beyond it', () => {
    const longest = `data: {"a":"${'x'.repeat(MAX_HELD_BYTES - 'data: {"a":"'.length)}`
    const { write, isHolding } = start()
    expect(write(longest)).toBe('')
    expect(write('"}\n\n')).toBe(`${longest}"}\n\n`)
    expect(write(longest)).toBe('')
    expect(write('y')).toBe(`${longest}y`)
    expect(isHolding()).toBe(false)
    expect(write('z')).toBe('z')
    expect(write('"}\n\ndata: {"b"')).toBe('"}\n\n')
    expect(write(`:1}\n\n${longest}y`)).toBe(`data: {"b":1}\n\n${longest}y`)
    expect(write('z"}\n\n')).toBe('z"}\n\n')
  })

  it('is not kept as a view of what it was read with', () => {
    const { write } = start()
    const chunk = Buffer.from('data: {"a":1')
    expect(write(chunk)).toBe('')
    chunk.fill('x')
    expect(write('}\n\n')).toBe('data: {"a":1}\n\n')
  })

  it('loses no byte and keeps their order, however a stream is cut', () => {
    const random = createRandom(11)
    const events = [
      'data: {"choices":[{"index":0,"delta":{"content":"a"},"finish_reason":null}]}\n\n',
      'data: {"choices":[{"index":0,"delta":{"content":"b"},"finish_reason":null}]}\r\n\r\n',
      ': ping\n\n',
      ':\n',
      'event: x\ndata: {"a":[{}]}\nid: 1\n\n',
      'data: no JSON\n\n',
      'data: {"cut":\n\n',
      '\n',
      'data: {"a":1}\n',
      `data: {"a":"${'x'.repeat(MAX_HELD_BYTES)}"}\n\n`,
    ]
    for (let round = 0; round < 300; round++) {
      const { write, isHolding, progress } = start()
      const pieces = Array.from(
        { length: 8 },
        () => events[Math.floor(random() * events.length)] ?? '',
      )
      const bytes = Buffer.from(pieces.join(''))
      const longest = random() < 0.5 ? 40 : 40_000
      let passed = ''
      for (let at = 0; at < bytes.length;) {
        const length = 1 + Math.floor(random() * longest)
        passed += write(bytes.subarray(at, at + length))
        at += length
        expect(isHolding() && progress.openBytes === 0).toBe(false)
      }
      passed += write('\n\n')
      expect(passed).toBe(`${bytes.toString()}\n\n`)
    }
  })
})
