import { createHash } from 'node:crypto'

import { type Answer, jsonAnswer } from './answer.ts'
import { type DemoRequest, findNumber, missing, requireModel } from './demo-request.ts'
import { measureInput } from './usage.ts'

const DEFAULT_DIMENSIONS = 64
const MAX_DIMENSIONS = 4096
const BYTES_PER_FLOAT = 4

/** POST /v1/embeddings: unit vectors that depend on nothing but the text. */
export function answerEmbeddings(request: DemoRequest): Answer {
  const model = requireModel(request)
  const { json } = request
  const { input } = json
  if (input === undefined || input === '') throw missing('input')
  const dimensions = clampDimensions(findNumber(json, 'dimensions'))
  const data = listInputs(input).map((item, index) => {
    const vector = embed(JSON.stringify(item), dimensions)
    const embedding = json['encoding_format'] === 'base64' ? toBase64(vector) : vector
    return { object: 'embedding', index, embedding }
  })
  const { inputTokens } = measureInput(input)
  const usage = { prompt_tokens: inputTokens, total_tokens: inputTokens }
  const charge = { model, inputTokens, outputTokens: 0 }
  return jsonAnswer({ object: 'list', data, model, usage }, { charge })
}

/** A string, or a list of token numbers, is one input; a list of those is many. */
function listInputs(input: unknown): unknown[] {
  if (!Array.isArray(input)) return [input]
  return input.every((item) => typeof item === 'number') ? [input] : input
}

function clampDimensions(asked: number | undefined): number {
  return Math.min(Math.max(1, Math.floor(asked ?? DEFAULT_DIMENSIONS)), MAX_DIMENSIONS)
}

function embed(text: string, dimensions: number): number[] {
  const seed = createHash('sha256').update(text).digest()
  const raw = Array.from(
    { length: dimensions },
    (_, index) => (seed[index % seed.length] ?? 0) / 255 - 0.5 + (index % 7) / 100,
  )
  const length = Math.hypot(...raw)
  // As single floats, so that both encodings carry the same numbers.
  return raw.map((value) => Math.fround(value / length))
}

function toBase64(vector: readonly number[]): string {
  const bytes = Buffer.alloc(vector.length * BYTES_PER_FLOAT)
  for (const [index, value] of vector.entries()) bytes.writeFloatLE(value, index * BYTES_PER_FLOAT)
  return bytes.toString('base64')
}
