import { describe, expect, it } from 'vitest'

import { incompleteUtf8Bytes } from '../../src/proxy/utf8-tail.ts'

describe('incompleteUtf8Bytes', () => {
  it('counts the bytes of a character that its chunk does not finish', () => {
    for (const character of ['a', 'é', '你', '😀']) {
      const bytes = Buffer.from(`x${character}`)
      for (let cut = 1; cut <= bytes.length; cut++) {
        const expected = cut === bytes.length ? 0 : cut - 1
        expect(incompleteUtf8Bytes(bytes.subarray(0, cut))).toBe(expected)
      }
    }
  })

  it.each([
    ['nothing', []],
    ['a continuation byte alone', [0x80]],
    ['four continuation bytes', [0x80, 0x80, 0x80, 0x80]],
    ['a byte that is never UTF-8', [0xff]],
  ])('holds nothing back for %s', (_what, bytes) => {
    expect(incompleteUtf8Bytes(Buffer.from(bytes))).toBe(0)
  })
})
