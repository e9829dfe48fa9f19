import { expect, test } from 'vitest'

import { isObject } from '../../src/demo/demo-request.ts'
import { post, startDemo } from './demo-helpers.ts'

const PATH = '/v1/embeddings'

interface Embedded {
  /** As they came: lists of floats, or base64. */
  readonly embeddings: unknown[]
  readonly inputTokens: number
}

async function embed(body: Record<string, unknown>): Promise<Embedded> {
  const demo = await startDemo()
  const response = await post(demo, PATH, { model: 'text-embedding-ada-002', ...body })
  expect(response.status).toBe(200)
  const list: unknown = await response.json()
  if (!isObject(list) || !Array.isArray(list['data']) || !isObject(list['usage'])) {
    throw new Error('not a list of embeddings')
  }
  const data: unknown[] = list['data']
  for (const [index, item] of data.entries()) expect(item).toMatchObject({ index })
  const embeddings = data.map((item) => (isObject(item) ? item['embedding'] : undefined))
  return { embeddings, inputTokens: Number(list['usage']['prompt_tokens']) }
}

function readFloats(embedding: unknown): number[] {
  return Array.isArray(embedding) ? embedding.map(Number) : []
}

test('embeds one text as a unit vector that depends on the text alone', async () => {
  const first = await embed({ input: '一起来' })
  const again = await embed({ input: '一起来' })
  const other = await embed({ input: '不一样' })
  const vector = readFloats(first.embeddings[0])
  expect(vector).toHaveLength(64)
  expect(Math.hypot(...vector)).toBeCloseTo(1, 5)
  expect(again.embeddings).toEqual(first.embeddings)
  expect(other.embeddings).not.toEqual(first.embeddings)
  expect(first.inputTokens).toBe(3)
})

test('embeds each text of a list', async () => {
  const { embeddings } = await embed({ input: ['a', 'b', 'c'] })
  expect(embeddings).toHaveLength(3)
})

test('takes token numbers as one input and lists of them as many', async () => {
  const one = await embed({ input: [1, 2, 3] })
  const many = await embed({ input: [[1, 2], [3]] })
  expect(one.embeddings).toHaveLength(1)
  expect(many.embeddings).toHaveLength(2)
  expect(many.inputTokens).toBe(3)
})

test('encodes the same floats in base64, little endian', async () => {
  const plain = await embed({ input: 'x', encoding_format: 'float', dimensions: 8 })
  const encoded = await embed({ input: 'x', encoding_format: 'base64', dimensions: 8 })
  const bytes = Buffer.from(String(encoded.embeddings[0]), 'base64')
  const floats = Array.from({ length: 8 }, (_, index) => bytes.readFloatLE(index * 4))
  expect(floats).toEqual(plain.embeddings[0])
})

test.each([[{ model: 'x' }], [{ input: 'x' }]])('answers %j 400', async (body) => {
  const demo = await startDemo()
  expect((await post(demo, PATH, body)).status).toBe(400)
})
