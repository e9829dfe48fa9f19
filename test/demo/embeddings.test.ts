import { expect, test } from 'vitest'

import { post, startDemo } from './demo-helpers.ts'

const PATH = '/v1/embeddings'

interface EmbeddingList {
  data: { index: number; embedding: number[] | string }[]
  usage: { prompt_tokens: number }
}

async function embed(body: Record<string, unknown>): Promise<EmbeddingList> {
  const demo = await startDemo()
  const response = await post(demo, PATH, { model: 'text-embedding-ada-002', ...body })
  expect(response.status).toBe(200)
  return response.json() as Promise<EmbeddingList>
}

test('embeds one text as a unit vector that depends on the text alone', async () => {
  const first = await embed({ input: '一起来' })
  const again = await embed({ input: '一起来' })
  const other = await embed({ input: '不一样' })
  const vector = first.data[0]?.embedding
  expect(vector).toHaveLength(64)
  expect(Math.hypot(...(vector as number[]))).toBeCloseTo(1, 5)
  expect(again.data).toEqual(first.data)
  expect(other.data).not.toEqual(first.data)
  expect(first.usage.prompt_tokens).toBe(3)
})

test('embeds each text of a list', async () => {
  const { data } = await embed({ input: ['a', 'b', 'c'] })
  expect(data.map(({ index }) => index)).toEqual([0, 1, 2])
})

test('takes token numbers as one input and lists of them as many', async () => {
  const one = await embed({ input: [1, 2, 3] })
  const many = await embed({ input: [[1, 2], [3]] })
  expect(one.data).toHaveLength(1)
  expect(many.data).toHaveLength(2)
  expect(many.usage.prompt_tokens).toBe(3)
})

test('encodes the same floats in base64, little endian', async () => {
  const plain = await embed({ input: 'x', encoding_format: 'float', dimensions: 8 })
  const encoded = await embed({ input: 'x', encoding_format: 'base64', dimensions: 8 })
  const bytes = Buffer.from(String(encoded.data[0]?.embedding), 'base64')
  const floats = Array.from({ length: 8 }, (_, index) => bytes.readFloatLE(index * 4))
  expect(floats).toEqual(plain.data[0]?.embedding)
})

test.each([[{ model: 'x' }], [{ input: 'x' }]])('answers %j 400', async (body) => {
  const demo = await startDemo()
  expect((await post(demo, PATH, body)).status).toBe(400)
})
