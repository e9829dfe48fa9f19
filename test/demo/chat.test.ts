import { describe, expect, test } from 'vitest'

import { BEARER, parseEvents, post, postChat, readDeltas, startDemo } from './demo-helpers.ts'

describe('JSON', () => {
  test('repeats the prompt in Chinese, English and emoji', async () => {
    const demo = await startDemo()
    const response = await postChat(demo, 'gpt-4o')
    expect(response.headers.get('content-type')).toBe('application/json')
    const text = await response.text()
    expect(Number(response.headers.get('content-length'))).toBe(Buffer.byteLength(text))
    const body: unknown = JSON.parse(text)
    expect(body).toMatchObject({
      object: 'chat.completion',
      model: 'gpt-4o',
      choices: [
        {
          index: 0,
          finish_reason: 'stop',
          message: { role: 'assistant', content: expect.stringMatching(/「你好 hello」.*🚀/u) },
        },
      ],
      usage: { prompt_tokens: 8, prompt_tokens_details: { cached_tokens: 0 } },
    })
  })

  test('reads the prompt from text parts and counts their images', async () => {
    const demo = await startDemo()
    const content = [
      { type: 'text', text: '图里有什么' },
      { type: 'image_url', image_url: { url: 'data:image/png;base64,AA==' } },
    ]
    const response = await postChat(demo, 'gpt-4o', { messages: [{ role: 'user', content }] })
    const text = await response.text()
    expect(text).toContain('「图里有什么」')
    expect(JSON.parse(text)).toMatchObject({ usage: { prompt_tokens: 4 + 5 + 85 } })
  })

  test.each(['max_tokens', 'max_completion_tokens'])('stops at %s', async (name) => {
    const demo = await startDemo()
    const response = await postChat(demo, 'gpt-4o', { [name]: 3 })
    expect(await response.json()).toMatchObject({
      choices: [{ message: { content: '你好！' }, finish_reason: 'length' }],
      usage: { completion_tokens: 3, total_tokens: 11 },
    })
  })

  test('answers n times', async () => {
    const demo = await startDemo()
    const response = await postChat(demo, 'gpt-4o', { n: 3, max_tokens: 2 })
    expect(await response.json()).toMatchObject({
      choices: [{ index: 0 }, { index: 1 }, { index: 2 }],
      usage: { completion_tokens: 6 },
    })
  })

  test('counts half of a long prompt as cached and some thought as output', async () => {
    const demo = await startDemo()
    const messages = [{ role: 'user', content: '长'.repeat(1100) }]
    const response = await postChat(demo, 'o3-mini', { messages, max_completion_tokens: 1 })
    expect(await response.json()).toMatchObject({
      usage: {
        prompt_tokens: 1104,
        completion_tokens: 65,
        prompt_tokens_details: { cached_tokens: 512 },
        completion_tokens_details: { reasoning_tokens: 64 },
      },
    })
  })
})

describe('stream', () => {
  test('goes from the role over deltas and finish_reason to [DONE]', async () => {
    const demo = await startDemo()
    const response = await postChat(demo, 'gpt-4o', { stream: true })
    expect(response.headers.get('content-type')).toBe('text/event-stream; charset=utf-8')
    expect(response.headers.get('content-length')).toBeNull()
    const text = await response.text()
    const events = parseEvents(text)
    expect(events[0]).toMatchObject({ choices: [{ delta: { role: 'assistant', content: '' } }] })
    expect(readDeltas(text).join('')).toMatch(/「你好 hello」.*🚀/u)
    expect(events.at(-2)).toMatchObject({ choices: [{ delta: {}, finish_reason: 'stop' }] })
    expect(events.at(-1)).toBe('[DONE]')
    expect(text).not.toContain('usage')
  })

  test('closes with usage and no choices when asked for usage', async () => {
    const demo = await startDemo()
    const options = { stream: true, stream_options: { include_usage: true } }
    const text = await (await postChat(demo, 'gpt-4o', options)).text()
    const events = parseEvents(text)
    const outputTokens = readDeltas(text).length
    expect(events[0]).toMatchObject({ usage: null })
    expect(events.at(-2)).toMatchObject({
      choices: [],
      usage: { prompt_tokens: 8, completion_tokens: outputTokens },
    })
  })

  test('says length where max_tokens cut it', async () => {
    const demo = await startDemo()
    const response = await postChat(demo, 'gpt-4o', { stream: true, max_tokens: 4 })
    const text = await response.text()
    expect(readDeltas(text)).toHaveLength(4)
    expect(text).toContain('"finish_reason":"length"')
  })

  test('streams n answers', async () => {
    const demo = await startDemo()
    const response = await postChat(demo, 'gpt-4o', { stream: true, n: 2, max_tokens: 2 })
    const text = await response.text()
    expect(readDeltas(text)).toEqual(['你', '好', '你', '好'])
    expect(text.match(/"finish_reason":"length"/g)).toHaveLength(2)
    expect(text.match(/"index":1/g)).toHaveLength(4)
  })
})

describe('refusals', () => {
  test.each([
    ['a missing model', { messages: [{ role: 'user', content: 'x' }] }, 'model'],
    ['missing messages', { model: 'gpt-4o' }, 'messages'],
    ['empty messages', { model: 'gpt-4o', messages: [] }, 'messages'],
  ])('answers %s 400', async (_, body, word) => {
    const demo = await startDemo()
    const response = await post(demo, '/v1/chat/completions', body)
    expect(response.status).toBe(400)
    expect(await response.json()).toMatchObject({
      error: { message: expect.stringContaining(word), type: 'invalid_request_error' },
    })
  })

  test.each(['{', '[]', '"text"', 'null'])('answers the body %s 400', async (body) => {
    const demo = await startDemo()
    const response = await fetch(`${demo.origin}/v1/chat/completions`, {
      method: 'POST',
      headers: { ...BEARER, 'content-type': 'application/json' },
      body,
    })
    expect(response.status).toBe(400)
  })
})
