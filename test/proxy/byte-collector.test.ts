import { describe, expect, it } from 'vitest'

import { createByteCollector } from '../../src/proxy/byte-collector.ts'

describe('a byte collector', () => {
  it.each([
    ['nothing', []],
    ['one piece', ['abc']],
    ['many small ones', Array.from({ length: 200_000 }, (_, index) => String(index % 10))],
    ['a large one behind small ones', ['a', 'b', 'x'.repeat(1_000_000), 'c']],
    ['empty ones', ['', 'a', '', 'b', '']],
  ])('gives back %s as it came', (_what, texts) => {
    const collector = createByteCollector()
    for (const text of texts) collector.add(Buffer.from(text))
    expect(collector.take().toString()).toBe(texts.join(''))
  })

  it('copies no piece that is alone, and writes into none', () => {
    const collector = createByteCollector()
    const first = Buffer.from('abc')
    collector.add(first)
    expect(collector.take().buffer).toBe(first.buffer)
    collector.add(Buffer.from('def'))
    expect(collector.take().toString()).toBe('abcdef')
    expect(first.toString()).toBe('abc')
  })
})
