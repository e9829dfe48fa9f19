import { describe, expect, it } from 'vitest'

import { createBodyFieldScanner } from '../../src/policy/body-fields.ts'
import { askForUsage } from '../../src/usage/ask-for-usage.ts'

function ask(text: string): { text: string; isAdded: boolean } | string {
  const body = Buffer.from(text)
  const scanner = createBodyFieldScanner()
  scanner.write(body)
  expect(scanner.end()).toEqual(expect.any(Object))
  const asking = askForUsage(body, scanner.layout())
  if (typeof asking === 'string') return asking
  return { text: asking.content.toString(), isAdded: asking.isAdded }
}

const ASKING = '"stream_options":{"include_usage":true}'

describe('a streaming request', () => {
  it.each([
    ['{"stream":true}', `{${ASKING},"stream":true}`],
    ['{}', `{${ASKING}}`],
    ['{ \n }', `{${ASKING} \n }`],
    [' {\n  "stream": true\n}\n', ` {${ASKING},\n  "stream": true\n}\n`],
    [
      '{"big":12345678901234567890,"x":"\\u4f60 你"}',
      `{${ASKING},"big":12345678901234567890,"x":"\\u4f60 你"}`,
    ],
    ['{"stream_options":null,"a":1}', `{${ASKING},"a":1}`],
    ['{"a":1,"stream_options": null }', '{"a":1,"stream_options": {"include_usage":true} }'],
    ['{"stream_options":{}}', `{${ASKING}}`],
    ['{"stream_options":{ }}', '{"stream_options":{"include_usage":true }}'],
    [
      '{"a":"你","stream_options":{"include_obfuscation":false}}',
      '{"a":"你","stream_options":{"include_usage":true,"include_obfuscation":false}}',
    ],
    ['{"stream_options":{"include_usage":false}}', `{${ASKING}}`],
    [
      '{"stream_options":{"include_usage" : null }}',
      '{"stream_options":{"include_usage" : true }}',
    ],
    [
      '{"stream_options":{"include_usage":"true","a":[1]}}',
      '{"stream_options":{"include_usage":true,"a":[1]}}',
    ],
    ['{"stream_options":{"include_usage":{"a":[]}}}', `{${ASKING}}`],
    [
      '{"stream_options":{"x":{"include_usage":true}}}',
      '{"stream_options":{"include_usage":true,"x":{"include_usage":true}}}',
    ],
  ])('that does not ask is made to, and nothing else in it changes: %s', (text, asking) => {
    expect(ask(text)).toEqual({ text: asking, isAdded: true })
    expect(JSON.parse(asking)).toMatchObject({ stream_options: { include_usage: true } })
  })

  it.each([
    `{${ASKING}}`,
    '{"stream_options": {"a":1, "include_usage" : true}, "n":1}',
    '{"stream_options":{"inclu\\u0064e_usage":true}}',
  ])('that asks stays as it is: %s', (text) => {
    expect(ask(text)).toEqual({ text, isAdded: false })
  })

  it.each([
    '{"stream_options":5}',
    '{"stream_options":"x"}',
    '{"stream_options":[]}',
    '{"stream_options":true}',
  ])('with options that are none is left to the upstream: %s', (text) => {
    expect(ask(text)).toEqual({ text, isAdded: false })
  })

  it.each([
    ['{"stream_options":{"include_usage":true,"include_usage":false}}', /twice/],
    ['{"stream_options":{"include_usage":false,"inclu\\u0064e_usage":true}}', /twice/],
    ['{"stream_options":{"Include_Usage":true}}', /in other letters/],
    ['{"stream_options":{"include_usage" true}}', /not valid JSON/],
    ['{"stream_options":{"include_usage":true,}}', /not valid JSON/],
  ])('that can be read in two ways is refused: %s', (text, reason) => {
    expect(ask(text)).toMatch(reason)
  })
})
