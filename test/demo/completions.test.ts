import { expect, test } from 'vitest'

import { parseEvents, post, startDemo } from './demo-helpers.ts'

const PATH = '/v1/completions'

test('answers the prompt as JSON', async () => {
  const demo = await startDemo()
  const response = await post(demo, PATH, { model: 'gpt-3.5-turbo-instruct', prompt: '写诗' })
  expect(await response.json()).toMatchObject({
    object: 'text_completion',
    choices: [{ text: expect.stringContaining('「写诗」'), index: 0, finish_reason: 'stop' }],
    usage: { prompt_tokens: 2 },
  })
})

test('streams texts, usage when asked, and [DONE]', async () => {
  const demo = await startDemo()
  const body = { model: 'gpt-3.5-turbo-instruct', prompt: ['写诗'], stream: true, max_tokens: 3 }
  const response = await post(demo, PATH, { ...body, stream_options: { include_usage: true } })
  const events = parseEvents(await response.text())
  expect(events).toHaveLength(6)
  expect(events[0]).toMatchObject({ choices: [{ text: '你', finish_reason: null }] })
  expect(events[3]).toMatchObject({ choices: [{ text: '', finish_reason: 'length' }] })
  expect(events[4]).toMatchObject({ choices: [], usage: { completion_tokens: 3 } })
  expect(events[5]).toBe('[DONE]')
})

test('answers a missing prompt 400', async () => {
  const demo = await startDemo()
  expect((await post(demo, PATH, { model: 'x' })).status).toBe(400)
})
