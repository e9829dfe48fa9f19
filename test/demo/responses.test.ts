import { describe, expect, test } from 'vitest'

import { parseEvents, post, startDemo } from './demo-helpers.ts'

const PATH = '/v1/responses'

describe('JSON', () => {
  test('answers a text input', async () => {
    const demo = await startDemo()
    const response = await post(demo, PATH, { model: 'gpt-4o', input: '你好', instructions: '短' })
    expect(await response.json()).toMatchObject({
      object: 'response',
      status: 'completed',
      output: [
        {
          type: 'message',
          content: [{ type: 'output_text', text: expect.stringContaining('「你好」') }],
        },
      ],
      usage: { input_tokens: 4 + 1 + 4 + 2, input_tokens_details: { cached_tokens: 0 } },
    })
  })

  test('answers a list of input items', async () => {
    const demo = await startDemo()
    const input = [{ role: 'user', content: [{ type: 'input_text', text: '列表' }] }]
    const response = await post(demo, PATH, { model: 'gpt-4o', input })
    expect(await response.text()).toContain('「列表」')
  })

  test('is incomplete where max_output_tokens cut it', async () => {
    const demo = await startDemo()
    const response = await post(demo, PATH, { model: 'gpt-5', input: 'x', max_output_tokens: 2 })
    expect(await response.json()).toMatchObject({
      status: 'incomplete',
      incomplete_details: { reason: 'max_output_tokens' },
      usage: { output_tokens: 66, output_tokens_details: { reasoning_tokens: 64 } },
    })
  })

  test('answers a missing input 400', async () => {
    const demo = await startDemo()
    expect((await post(demo, PATH, { model: 'gpt-4o' })).status).toBe(400)
  })
})

describe('stream', () => {
  test('names its events, numbers them and ends with usage', async () => {
    const demo = await startDemo()
    const body = { model: 'gpt-4o', input: '你好', stream: true }
    const text = await (await post(demo, PATH, body)).text()
    const names = [...text.matchAll(/^event: (.+)$/gm)].map((match) => match[1])
    const deltas = names.filter((name) => name === 'response.output_text.delta').length
    expect(names).toEqual([
      'response.created',
      'response.in_progress',
      'response.output_item.added',
      'response.content_part.added',
      ...Array.from({ length: deltas }, () => 'response.output_text.delta'),
      'response.output_text.done',
      'response.content_part.done',
      'response.output_item.done',
      'response.completed',
    ])
    const events = parseEvents(text)
    expect(events).toHaveLength(names.length)
    for (const [index, event] of events.entries()) {
      expect(event).toMatchObject({ type: names[index], sequence_number: index })
    }
    expect(events.at(-1)).toMatchObject({
      response: { status: 'completed', usage: { output_tokens: deltas } },
    })
    expect(text).not.toContain('[DONE]')
  })

  test('ends with response.incomplete where max_output_tokens cut it', async () => {
    const demo = await startDemo()
    const body = { model: 'gpt-4o', input: 'x', stream: true, max_output_tokens: 2 }
    const text = await (await post(demo, PATH, body)).text()
    expect(text).toContain('event: response.incomplete\n')
    expect(text).not.toContain('response.completed')
  })

  test('repeats no more than a mebibyte of a long text at its end', async () => {
    const demo = await startDemo()
    const body = { model: 'demo-bytes-3', input: 'x', stream: true }
    const text = await (await post(demo, PATH, body)).text()
    const events = parseEvents(text)
    const done = events.findLast((event) => JSON.stringify(event).includes('output_text.done'))
    expect(JSON.stringify(done).length).toBeGreaterThan(1024 * 1024)
    expect(JSON.stringify(done).length).toBeLessThan(2 * 1024 * 1024)
  })
})
