import { describe, expect, it } from 'vitest'

import { createByteCollector } from '../../src/proxy/byte-collector.ts'

const MOST_BYTES = 8_000_000

describe('a byte collector', () => {
  it.each([
    ['nothing', []],
    ['one piece', ['abc']],
    ['many small ones', Array.from({ length: 200_000 }, (_, index) => String(index % 10))],
    ['a large one behind small ones', ['a', 'b', 'x'.repeat(1_000_000), 'c']],
    [
      'as many as there may be',
      Array.from({ length: 80 }, (_, index) => String(index % 10).repeat(100_000)),
    ],
    ['one that is as large', ['a', 'x'.repeat(MOST_BYTES - 1)]],
    ['empty ones', ['', 'a', '', 'b', '']],
  ])('gives back %s as it came', (_what, texts) => {
    const collector = createByteCollector({ mostBytes: MOST_BYTES, onGrow() {} })
    for (const text of texts) collector.add(Buffer.from(text))
    expect(collector.take().toString()).toBe(texts.join(''))
  })

  it('copies no piece that is alone, and writes into none', () => {
    const collector = createByteCollector({ mostBytes: MOST_BYTES, onGrow() {} })
    const first = Buffer.from('abc')
    collector.add(first)
    expect(collector.take().buffer).toBe(first.buffer)
    collector.add(Buffer.from('def'))
    expect(collector.take().toString()).toBe('abcdef')
    expect(first.toString()).toBe('abc')
  })

  it('tells how much memory it takes, beforehand', () => {
    const grown: number[] = []
    const collector = createByteCollector({
      mostBytes: MOST_BYTES,
      onGrow(bytes) {
        if (bytes > 450_000) throw new Error('too much')
        grown.push(bytes)
      },
    })
    const piece = Buffer.alloc(50_000)
    for (let i = 0; i < 5; i++) collector.add(piece)
    expect(grown).toEqual([100_000, 200_000, 400_000])
    expect(() => collector.add(Buffer.alloc(200_000))).toThrow('too much')
    expect(collector.take()).toHaveLength(250_000)
  })

  it('keeps a large body where it is, and takes little more memory than it has bytes', () => {
    const grown: number[] = []
    const collector = createByteCollector({
      mostBytes: MOST_BYTES,
      onGrow: (bytes) => grown.push(bytes),
    })
    const places = new Set<ArrayBufferLike>()
    for (let i = 0; i < 100; i++) {
      collector.add(Buffer.alloc(60_000, i))
      if (i > 10) places.add(collector.take().buffer)
    }
    expect(places.size).toBe(1)
    expect(collector.take()).toHaveLength(6_000_000)
    expect(grown.at(-1)).toBeLessThan(6_000_000 + 1_100_000)
  })

  it('copies where no room can be set aside', () => {
    // More than there are addresses.
    const collector = createByteCollector({ mostBytes: 2 ** 52, onGrow() {} })
    const piece = Buffer.from('x'.repeat(100_000))
    for (let i = 0; i < 30; i++) collector.add(piece)
    expect(collector.take().toString()).toBe('x'.repeat(3_000_000))
  })
})
