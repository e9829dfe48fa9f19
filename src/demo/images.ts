import { crc32, deflateSync } from 'node:zlib'

import { type Answer, jsonAnswer } from './answer.ts'
import { type DemoRequest, findNumber, findString, missing } from './demo-request.ts'
import { findField, findFile } from './multipart.ts'
import { measureInput } from './usage.ts'

interface ImageRequest {
  readonly model: string
  readonly prompt: string
  readonly count: number
  readonly asUrl: boolean
  /** What is told beside the prompt, so that a test can see that a file came through. */
  readonly note: string
}

const DEFAULT_MODEL = 'dall-e-2'
const MAX_IMAGES = 10
const IMAGE_TOKENS = 1056
const SIDE_PIXELS = 8
const PNG_SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a])

/** A real PNG of 8 × 8 pixels. */
export const TINY_PNG = createPng([0x2f, 0x6f, 0x9f])

/** The same image as a link that needs no server. */
export const TINY_PNG_URL = `data:image/png;base64,${TINY_PNG.toString('base64')}`

/** POST /v1/images/generations */
export function answerImageGeneration({ json, model }: DemoRequest): Answer {
  const prompt = findString(json, 'prompt')
  if (prompt === undefined) throw missing('prompt')
  return answerImages({
    model: model || DEFAULT_MODEL,
    prompt,
    count: findNumber(json, 'n') ?? 1,
    asUrl: json['response_format'] === 'url',
    note: '',
  })
}

/** POST /v1/images/edits */
export function answerImageEdit({ form, model }: DemoRequest): Answer {
  const prompt = findField(form, 'prompt')
  const image = findFile(form, 'image')
  if (prompt === undefined) throw missing('prompt')
  if (image === undefined) throw missing('image')
  return answerImages({
    model: model || DEFAULT_MODEL,
    prompt,
    count: Number(findField(form, 'n') ?? 1),
    asUrl: findField(form, 'response_format') === 'url',
    note: ` (edited ${image.filename}, ${image.bytes.length} bytes)`,
  })
}

function answerImages({ model, prompt, count, asUrl, note }: ImageRequest): Answer {
  const images = Math.min(Math.max(1, Math.floor(count) || 1), MAX_IMAGES)
  const image = asUrl ? { url: TINY_PNG_URL } : { b64_json: TINY_PNG.toString('base64') }
  const data = Array.from({ length: images }, () => ({ ...image, revised_prompt: prompt + note }))
  const { inputTokens } = measureInput(prompt)
  const outputTokens = images * IMAGE_TOKENS
  const usage = {
    input_tokens: inputTokens,
    input_tokens_details: { text_tokens: inputTokens, image_tokens: 0 },
    output_tokens: outputTokens,
    total_tokens: inputTokens + outputTokens,
  }
  const body = { created: Math.floor(Date.now() / 1000), data, usage }
  return jsonAnswer(body, { charge: { model, inputTokens, outputTokens, images } })
}

/** PNG (ISO 15948): signature, header, one compressed image, end. */
function createPng(color: readonly number[]): Buffer {
  const header = Buffer.alloc(13)
  header.writeUInt32BE(SIDE_PIXELS, 0)
  header.writeUInt32BE(SIDE_PIXELS, 4)
  header.set([8, 2, 0, 0, 0], 8) // eight bits, RGB
  const row = [0, ...Array.from({ length: SIDE_PIXELS }, () => color).flat()]
  const pixels = Buffer.from(Array.from({ length: SIDE_PIXELS }, () => row).flat())
  return Buffer.concat([
    PNG_SIGNATURE,
    createChunk('IHDR', header),
    createChunk('IDAT', deflateSync(pixels)),
    createChunk('IEND', Buffer.alloc(0)),
  ])
}

function createChunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data])
  const frame = Buffer.alloc(8)
  frame.writeUInt32BE(data.length, 0)
  frame.writeUInt32BE(crc32(body), 4)
  return Buffer.concat([frame.subarray(0, 4), body, frame.subarray(4)])
}
