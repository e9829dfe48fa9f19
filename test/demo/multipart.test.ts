import { describe, expect, test } from 'vitest'

import { findField, findFile, parseMultipart } from '../../src/demo/multipart.ts'

const TYPE = 'multipart/form-data; boundary=xyz'

async function encode(form: FormData): Promise<{ body: Buffer; type: string }> {
  const request = new Request('http://demo.invalid', { method: 'POST', body: form })
  const body = Buffer.from(await request.arrayBuffer())
  return { body, type: request.headers.get('content-type') ?? '' }
}

describe('parseMultipart', () => {
  test('reads fields and files that fetch wrote', async () => {
    const bytes = Buffer.from([0, 13, 10, 13, 10, 45, 45, 255])
    const form = new FormData()
    form.set('model', 'whisper-1')
    form.set('file', new File([bytes], '录音.wav', { type: 'audio/wav' }))
    const { body, type } = await encode(form)
    const parts = parseMultipart(body, type) ?? []
    expect(findField(parts, 'model')).toBe('whisper-1')
    const file = findFile(parts, 'file')
    expect(file?.filename).toBe('录音.wav')
    expect(file?.contentType).toBe('audio/wav')
    expect(file?.bytes.equals(bytes)).toBe(true)
  })

  test('finds a file under a name with brackets', () => {
    const body =
      '--xyz\r\nContent-Disposition: form-data; name="image[]"; filename="a.png"\r\n\r\nA\r\n--xyz--'
    expect(findFile(parseMultipart(Buffer.from(body), TYPE) ?? [], 'image')?.filename).toBe('a.png')
  })

  test('takes a preamble, an epilogue and an unquoted name', () => {
    const body =
      'pre\r\n--xyz\r\ncontent-disposition: form-data; name=a\r\n\r\n1\r\n--xyz--\r\npost'
    expect(findField(parseMultipart(Buffer.from(body), TYPE) ?? [], 'a')).toBe('1')
  })

  test('takes a quoted boundary', () => {
    const body = '--x y\r\nContent-Disposition: form-data; name="a"\r\n\r\n\r\n--x y--\r\n'
    const parts = parseMultipart(Buffer.from(body), 'multipart/form-data; boundary="x y"')
    expect(findField(parts ?? [], 'a')).toBe('')
  })

  test.each([
    ['no boundary', 'multipart/form-data', '--xyz--'],
    ['another type', 'multipart/mixed; boundary=xyz', '--xyz--'],
    ['no end', TYPE, '--xyz\r\nContent-Disposition: form-data; name="a"\r\n\r\n1'],
    ['a part without a name', TYPE, '--xyz\r\nContent-Type: text/plain\r\n\r\n1\r\n--xyz--'],
    ['a part without an empty line', TYPE, '--xyz\r\nContent-Disposition: x\r\n--xyz--'],
    ['nothing', TYPE, ''],
  ])('refuses a body with %s', (_, type, body) => {
    expect(parseMultipart(Buffer.from(body), type)).toBeUndefined()
  })
})
