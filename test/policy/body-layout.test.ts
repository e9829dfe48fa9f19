import { describe, expect, it } from 'vitest'

import { createBodyFieldScanner } from '../../src/policy/body-fields.ts'

const PIECES = [1, 2, 3, 7, Number.POSITIVE_INFINITY]

/** What the layout points at: the bytes from behind the `{`, and those of the value of `stream_options`. */
function pointedAt(text: string, pieceBytes: number): [string, string | undefined] {
  const scanner = createBodyFieldScanner()
  const bytes = Buffer.from(text)
  for (let at = 0; at < bytes.length; at += pieceBytes) {
    expect(scanner.write(bytes.subarray(at, at + pieceBytes))).toBeUndefined()
  }
  expect(scanner.end()).toEqual(expect.any(Object))
  const { openedAt, streamOptions } = scanner.layout()
  const value = streamOptions && bytes.toString('utf8', streamOptions.start, streamOptions.end)
  return [bytes.toString('utf8', openedAt), value]
}

describe('the layout of a body', () => {
  it.each<[string, string, string | undefined]>([
    ['{}', '}', undefined],
    [' \n{ "model":"你"}', ' "model":"你"}', undefined],
    ['{"stream_options":null}', '"stream_options":null}', 'null'],
    ['{"stream_options": null ,"a":1}', '"stream_options": null ,"a":1}', 'null'],
    ['{"a":{"stream_options":1},"b":[{}]}', '"a":{"stream_options":1},"b":[{}]}', undefined],
    [
      '{"m":"你","stream_options" : {"a":[{}], "b":"}"} }',
      '"m":"你","stream_options" : {"a":[{}], "b":"}"} }',
      '{"a":[{}], "b":"}"}',
    ],
    ['{"stream_options":[1,[2]]}', '"stream_options":[1,[2]]}', '[1,[2]]'],
    ['{"stream_options":"a\\"b"}', '"stream_options":"a\\"b"}', '"a\\"b"'],
    ['{"stre\\u0061m_options":-1e5}', '"stre\\u0061m_options":-1e5}', '-1e5'],
  ])('is found in %s however it is cut', (text, opened, value) => {
    for (const piece of PIECES) expect(pointedAt(text, piece)).toEqual([opened, value])
  })

  it('is found behind a value of any length', () => {
    const text = `{"messages":"${'x'.repeat(100_000)}","stream_options":{"x":"${'y'.repeat(5000)}"}}`
    const [, value] = pointedAt(text, 4096)
    expect(value).toBe(`{"x":"${'y'.repeat(5000)}"}`)
  })
})
