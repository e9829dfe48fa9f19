import { crc32, inflateSync } from 'node:zlib'

import { expect, test } from 'vitest'

import { TINY_PNG, TINY_PNG_URL } from '../../src/demo/images.ts'
import { post, postForm, startDemo } from './demo-helpers.ts'

test('makes a PNG whose chunks are whole and hold 8 × 8 pixels', () => {
  expect(TINY_PNG.toString('latin1', 1, 4)).toBe('PNG')
  const types: string[] = []
  let pixels = 0
  for (let at = 8; at < TINY_PNG.length;) {
    const length = TINY_PNG.readUInt32BE(at)
    const body = TINY_PNG.subarray(at + 4, at + 8 + length)
    expect(TINY_PNG.readUInt32BE(at + 8 + length)).toBe(crc32(body))
    const type = body.toString('latin1', 0, 4)
    types.push(type)
    if (type === 'IDAT') pixels = inflateSync(body.subarray(4)).length
    at += 12 + length
  }
  expect(types).toEqual(['IHDR', 'IDAT', 'IEND'])
  expect(pixels).toBe(8 * (1 + 8 * 3))
})

test('generates images as base64', async () => {
  const demo = await startDemo()
  const body = { model: 'dall-e-3', prompt: '一只猫', n: 2 }
  const response = await post(demo, '/v1/images/generations', body)
  const image = { b64_json: TINY_PNG.toString('base64'), revised_prompt: '一只猫' }
  expect(await response.json()).toMatchObject({ data: [image, image], usage: { input_tokens: 3 } })
  expect(demo.bill().at(-1)).toMatchObject({ model: 'dall-e-3', images: 2 })
})

test('generates images as links', async () => {
  const demo = await startDemo()
  const body = { prompt: 'x', response_format: 'url' }
  const response = await post(demo, '/v1/images/generations', body)
  expect(await response.json()).toMatchObject({ data: [{ url: TINY_PNG_URL }] })
})

test('edits an uploaded image', async () => {
  const demo = await startDemo()
  const form = new FormData()
  form.set('model', 'gpt-image-1')
  form.set('prompt', '加一顶帽子')
  form.set('image[]', new File([Buffer.from(TINY_PNG)], '猫.png', { type: 'image/png' }))
  const response = await postForm(demo, '/v1/images/edits', form)
  const revised = `加一顶帽子 (edited 猫.png, ${TINY_PNG.length} bytes)`
  expect(await response.json()).toMatchObject({ data: [{ revised_prompt: revised }] })
})

test('answers a missing prompt or image 400', async () => {
  const demo = await startDemo()
  expect((await post(demo, '/v1/images/generations', { model: 'dall-e-3' })).status).toBe(400)
  const form = new FormData()
  form.set('prompt', 'x')
  expect((await postForm(demo, '/v1/images/edits', form)).status).toBe(400)
  form.delete('prompt')
  form.set('image', new File(['x'], 'a.png'))
  expect((await postForm(demo, '/v1/images/edits', form)).status).toBe(400)
})
