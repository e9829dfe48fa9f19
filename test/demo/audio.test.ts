import { describe, expect, test } from 'vitest'

import { BEARER, post, postForm, startDemo } from './demo-helpers.ts'

const SPEECH = '/v1/audio/speech'
const SPOKEN = { model: 'tts-1', input: '你好，世界', voice: 'alloy' }

function soundForm(fields: Record<string, string>): FormData {
  const form = new FormData()
  for (const [name, value] of Object.entries(fields)) form.set(name, value)
  form.set('file', new File([Buffer.alloc(20_000)], '录音.wav', { type: 'audio/wav' }))
  return form
}

describe('speech', () => {
  test('answers whole MP3 frames by default', async () => {
    const demo = await startDemo()
    const response = await post(demo, SPEECH, SPOKEN)
    expect(response.headers.get('content-type')).toBe('audio/mpeg')
    const bytes = Buffer.from(await response.arrayBuffer())
    expect(bytes.length % 208).toBe(0)
    for (let at = 0; at < bytes.length; at += 208) expect(bytes.readUInt16BE(at)).toBe(0xfffb)
    expect(demo.bill().at(-1)).toMatchObject({ model: 'tts-1', characters: 5 })
  })

  test('answers a WAV whose header fits its samples', async () => {
    const demo = await startDemo()
    const response = await post(demo, SPEECH, { ...SPOKEN, response_format: 'wav' })
    expect(response.headers.get('content-type')).toBe('audio/wav')
    const bytes = Buffer.from(await response.arrayBuffer())
    expect(bytes.toString('latin1', 0, 4)).toBe('RIFF')
    expect(bytes.readUInt32LE(4)).toBe(bytes.length - 8)
    expect(bytes.toString('latin1', 8, 16)).toBe('WAVEfmt ')
    expect(bytes.readUInt32LE(40)).toBe(bytes.length - 44)
  })

  test.each([
    ['pcm', 'audio/pcm'],
    ['opus', 'audio/ogg'],
    ['aac', 'audio/aac'],
    ['flac', 'audio/flac'],
  ])('answers %s as %s', async (format, type) => {
    const demo = await startDemo()
    const response = await post(demo, SPEECH, { ...SPOKEN, response_format: format })
    expect(response.headers.get('content-type')).toBe(type)
    expect((await response.arrayBuffer()).byteLength).toBeGreaterThan(1000)
  })

  test('answers an unknown format and a missing input 400', async () => {
    const demo = await startDemo()
    expect((await post(demo, SPEECH, { ...SPOKEN, response_format: 'x' })).status).toBe(400)
    expect((await post(demo, SPEECH, { model: 'tts-1' })).status).toBe(400)
  })
})

describe.each(['transcriptions', 'translations'])('%s', (name) => {
  const path = `/v1/audio/${name}`

  test('tells the name and size of the file', async () => {
    const demo = await startDemo()
    const response = await postForm(demo, path, soundForm({ model: 'whisper-1' }))
    expect(await response.json()).toMatchObject({
      text: expect.stringContaining('文件 录音.wav 有 20000 bytes; whisper-1'),
      usage: { type: 'duration', seconds: 2 },
    })
  })

  test('answers plain text when asked', async () => {
    const demo = await startDemo()
    const form = soundForm({ model: 'whisper-1', response_format: 'text' })
    const response = await postForm(demo, path, form)
    expect(response.headers.get('content-type')).toBe('text/plain; charset=utf-8')
    expect(await response.text()).toMatch(/^文件 录音\.wav/)
  })

  test('counts tokens for other models', async () => {
    const demo = await startDemo()
    const form = soundForm({ model: 'gpt-4o-transcribe', response_format: 'verbose_json' })
    const body: unknown = await (await postForm(demo, path, form)).json()
    expect(body).toMatchObject({ task: 'transcribe', usage: { type: 'tokens', input_tokens: 20 } })
  })

  test('answers a missing file and a broken form 400', async () => {
    const demo = await startDemo()
    const form = new FormData()
    form.set('model', 'whisper-1')
    expect((await postForm(demo, path, form)).status).toBe(400)
    const headers = { ...BEARER, 'content-type': 'multipart/form-data; boundary=x' }
    const response = await fetch(demo.origin + path, { method: 'POST', headers, body: 'no form' })
    expect(response.status).toBe(400)
  })
})
