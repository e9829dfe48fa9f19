import { describe, expect, it } from 'vitest'

import { findMultipartModel } from '../../src/policy/multipart-model.ts'

const TYPE = 'multipart/form-data; boundary=x'
const part = (disposition: string, value: string): string =>
  `--x\r\nContent-Disposition: ${disposition}\r\n\r\n${value}\r\n`
const find = (body: string, type = TYPE) => findMultipartModel(Buffer.from(body), type)

describe('findMultipartModel', () => {
  it('finds the model wherever it stands', () => {
    const model = part('form-data; name="model"', 'whisper-1')
    const file = part('form-data; name="file"; filename="a.wav"', 'RIFF\r\n\r\n--y')
    expect(find(`${model}${file}--x--`)).toBe('whisper-1')
    expect(find(`${file}${model}--x--\r\n`)).toBe('whisper-1')
    expect(find(`${file}--x--`)).toBeUndefined()
    expect(find(`${model}--x--`, 'multipart/form-data; boundary="x"; charset=utf-8')).toBe(
      'whisper-1',
    )
  })

  it.each([
    ['a model twice', part('form-data; name="model"', 'a') + part('form-data; name="model"', 'b')],
    ['a model in other letters', part('form-data; name="Model"', 'a')],
    ['a name without quotes', part('form-data; name=model', 'a')],
    ['an extended name', part("form-data; name*=utf-8''model", 'a')],
    ['two names', part('form-data; name="file"; name="model"', 'a')],
    ['a part without a name', part('form-data', 'a')],
    [
      'two dispositions',
      '--x\r\nContent-Disposition: form-data; name="a"\r\nContent-Disposition: form-data; name="model"\r\n\r\na\r\n',
    ],
    ['a preamble', `hello\r\n${part('form-data; name="model"', 'a')}`],
  ])('does not read %s', (_what, body) => {
    expect(find(`${body}--x--`)).toBeNull()
  })

  it('does not read a body that is cut off, or one without a boundary', () => {
    expect(find(part('form-data; name="model"', 'a'))).toBeNull()
    expect(find('--x--', 'multipart/form-data')).toBeNull()
  })
})
