import { describe, expect, it } from 'vitest'

import { readFormFields } from '../../src/policy/form-fields.ts'
import { parseMediaType } from '../../src/policy/parameters.ts'

const TYPE = 'multipart/form-data; boundary=x'

const part = (disposition: string, value: string, headers = ''): string =>
  `--x\r\nContent-Disposition: ${disposition}\r\n${headers}\r\n${value}\r\n`
const field = (name: string, value: string): string => part(`form-data; name="${name}"`, value)

const MODEL = field('model', 'a')
const FILE = part('form-data; name="file"; filename="a.wav"', 'RIFF\r\n\r\n--y')

function read(body: string | Buffer, type = TYPE) {
  const parsed = parseMediaType(type)
  const bytes = Buffer.isBuffer(body) ? body : Buffer.from(body)
  const fields = parsed && readFormFields(bytes, parsed)
  return fields && Object.fromEntries(fields)
}

describe('the fields of a form', () => {
  it('are read wherever they stand', () => {
    expect(read(`${MODEL}${FILE}--x--`)).toEqual({ model: 'a' })
    expect(read(`${FILE}${MODEL}${field('n', '2')}--x--\r\n`)).toEqual({ model: 'a', n: '2' })
    expect(read(`${FILE}--x--`)).toEqual({})
    expect(read('--x--')).toEqual({})
    const quoted = 'Multipart/Form-Data; boundary="x"; charset=UTF-8'
    expect(read(`${MODEL}--x--`, quoted)).toEqual({ model: 'a' })
  })

  it('are read of a thousand parts, and of no more', () => {
    const others = field('other', '').repeat(999)
    expect(read(`${MODEL}${others}--x--`)).toEqual({ model: 'a' })
    expect(read(`${MODEL}${others}${FILE}--x--`)).toBeUndefined()
  })

  // As the wire has them; the writers' names are where the form was seen.
  it.each([
    // Browsers, requests and undici leave it as it is, Go doubles it.
    ['a backslash in a file name', MODEL + part('form-data; name="f"; filename="a\\b.mp3"', 'x')],
    ['two of them', MODEL + part('form-data; name="f"; filename="a\\\\b.mp3"', 'x')],
    ['okhttp and Guzzle', part('form-data; name="model"', 'a', 'Content-Length: 1\r\n')],
    [
      'Apache HttpClient',
      part(
        'form-data; name="model"',
        'a',
        'Content-Type: text/plain; charset=ISO-8859-1\r\nContent-Transfer-Encoding: 8bit\r\n',
      ),
    ],
    [
      '.NET',
      '--x\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Disposition: form-data; name=model\r\n\r\na\r\n' +
        part("form-data; name=file; filename=a.wav; filename*=utf-8''a.wav", 'RIFF'),
    ],
    [
      'Spring',
      part(
        'form-data; name="model"',
        'a',
        'Content-Type: text/plain;charset=UTF-8\r\nContent-Length: 1\r\n',
      ),
    ],
    ['a browser', MODEL + part('form-data; name="file"; filename="你好 %22.wav"', 'RIFF')],
    ['the SDKs', MODEL + field('timestamp_granularities[]', 'word')],
    [
      'Ruby',
      MODEL +
        part(
          'form-data; name="file"; filename="a.wav"',
          'RIFF',
          'Content-Length: 4\r\nContent-Type: audio/wav\r\nContent-Transfer-Encoding: binary\r\n',
        ),
    ],
  ])('are read as %s writes them', (_writer, body) => {
    expect(read(`${body}--x--\r\n`)).toEqual({ model: 'a' })
  })

  const json = 'Content-Type: application/json\r\n'
  it.each<[string, string]>([
    ['a field twice', MODEL + MODEL],
    ['a field twice, once without quotes', MODEL + part('form-data; name=model', 'b')],
    ['the number of images twice', field('n', '1') + field('n', '10')],
    ['a field in other letters', field('Model', 'a')],
    ['a field with brackets', MODEL + field('model[]', 'b')],
    ['a field with a dot', MODEL + field('model.x', 'b')],
    ['white space around a name', MODEL + field(' model', 'b')],
    ['a percent sign in a name', MODEL + field('%6dodel', 'b')],
    ['a backslash in a name', MODEL + field('mo\\del', 'b')],
    ['a NUL in a name', MODEL + field('model\0', 'b')],
    ['a field with a charset for the others', MODEL + field('_charset_', 'utf-16')],
    ['an extended name', MODEL + part("form-data; name*=utf-8''model", 'b')],
    ['a continued name', MODEL + part('form-data; name*0=mo; name*1=del', 'b')],
    ['two names', part('form-data; name="file"; name="model"', 'a')],
    ['a name twice in a row', part('form-data; name="model"; name="x"', 'a')],
    ['a half-quoted name', part('form-data; name="model', 'a')],
    ['white space around the equals sign', part('form-data; name ="model"', 'a')],
    ['an escaped quote', part('form-data; name="x"; filename="a\\"; name=\\"model"', 'a')],
    ['a part without a name', part('form-data', 'a')],
    ['a part of another disposition', part('attachment; name="model"', 'a')],
    ['a model as a file', part('form-data; name="model"; filename="a"', 'a')],
    ['a model as an extended file', part("form-data; name=model; filename*=utf-8''a", 'a')],
    ['a model in JSON', part('form-data; name="model"', '"a"', json)],
    [
      'a model in bytes',
      part('form-data; name="model"', 'a', 'Content-Type: application/octet-stream\r\n'),
    ],
    [
      'a model in another charset',
      part('form-data; name="model"', 'a', 'Content-Type: text/plain; charset=utf-7\r\n'),
    ],
    ['a folded header', part('form-data;\r\n name="model"', 'a')],
    [
      'a folded second header',
      part('form-data; name="x"', 'a', 'Content-Type: text/plain\r\n ;a=b\r\n'),
    ],
    [
      'white space before a colon',
      `--x\r\nContent-Disposition : form-data; name="model"\r\n\r\na\r\n`,
    ],
    [
      'a header twice',
      part('form-data; name="a"', 'a', 'content-disposition: form-data; name="model"\r\n'),
    ],
    ['an unknown header', part('form-data; name="a"', 'a', 'Content-Encoding: gzip\r\n')],
    ['a bare line feed in a head', part('form-data; name="a"\nX: y', 'a')],
    ['a bare carriage return in a head', part('form-data; name="a"\rX: y', 'a')],
    [
      'a model in base64',
      part('form-data; name="model"', 'YQ==', 'Content-Transfer-Encoding: base64\r\n'),
    ],
    ['a length that is another', part('form-data; name="model"', 'abc', 'Content-Length: 1\r\n')],
    [
      'a form in a form',
      part('form-data; name="x"', '', 'Content-Type: multipart/mixed; boundary=y\r\n'),
    ],
    ['a part without a head', '--x\r\n\r\na\r\n'],
    ['a part that is nothing', '--x\r\n'],
    ['a preamble', `hello\r\n${MODEL}`],
    ['an empty preamble', `\r\n${MODEL}`],
    ['a delimiter in a preamble', `--x\r\n${MODEL}`],
    ['white space behind a delimiter', MODEL.replace('--x', '--x ')],
    ['a delimiter that goes on', MODEL.replace('--x', '--xy')],
    ['a delimiter behind a line feed', `${MODEL}${field('f', `b\n${field('model', 'b')}`)}`],
    ['a delimiter behind a carriage return', `${MODEL}${field('f', 'b\r--x\r')}`],
    ['a delimiter inside a line', `${MODEL}${field('f', 'b--x')}`],
    ['lines that end in a line feed', MODEL.replaceAll('\r', '')],
    ['parts behind the last delimiter', `${MODEL}--x--\r\n${field('model', 'b')}`],
    ['text behind the last delimiter', `${MODEL}--x--\r\nx`],
  ])('are not read from %s', (_what, body) => {
    expect(read(`${body}--x--\r\n`)).toBeUndefined()
  })

  it('are not read from bytes that are no UTF-8, from a body that is cut off, or without a boundary', () => {
    const bytes = Buffer.from(`${field('model', 'a\xff')}--x--`, 'latin1')
    expect(read(bytes)).toBeUndefined()
    expect(read(MODEL)).toBeUndefined()
    expect(read(`${MODEL}--x-`)).toBeUndefined()
    expect(read('--x--', 'multipart/form-data')).toBeUndefined()
    expect(read('--x--', 'multipart/mixed; boundary=x')).toBeUndefined()
    expect(read('--x--', `${TYPE}; charset=utf-16`)).toBeUndefined()
  })
})
