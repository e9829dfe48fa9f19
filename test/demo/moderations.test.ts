import { expect, test } from 'vitest'

import { post, startDemo } from './demo-helpers.ts'

const PATH = '/v1/moderations'

test('flags a violent text, without a model', async () => {
  const demo = await startDemo()
  const response = await post(demo, PATH, { input: '有人砍我' })
  expect(await response.json()).toMatchObject({
    model: 'omni-moderation-latest',
    results: [{ flagged: true, categories: { violence: true, hate: false } }],
  })
})

test('judges each text of a list', async () => {
  const demo = await startDemo()
  const input = ['hello', { type: 'text', text: 'attack' }]
  const response = await post(demo, PATH, { input })
  expect(await response.json()).toMatchObject({ results: [{ flagged: false }, { flagged: true }] })
})

test('answers a missing input 400', async () => {
  const demo = await startDemo()
  expect((await post(demo, PATH, {})).status).toBe(400)
})
