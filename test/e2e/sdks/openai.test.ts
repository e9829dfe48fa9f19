import { toFile } from 'openai'
import { describe, expect, it } from 'vitest'

import { TEST_CREDENTIAL, TEST_TOKEN } from '../../helpers/gateway.ts'
import {
  createOpenAI,
  firstRequest,
  MESSAGES,
  readBody,
  rejection,
  startKeystow,
} from './keystow.ts'

const MODEL = 'gpt-4o-mini'

describe('the openai SDK', () => {
  it('completes a chat', async () => {
    const { gateway, demo } = await startKeystow()
    const completion = await createOpenAI(gateway).chat.completions.create({
      model: MODEL,
      messages: MESSAGES,
    })
    expect(completion.choices[0]?.message.content).toContain('Hello from a test')
    expect(completion.choices[0]?.finish_reason).toBe('stop')
    expect(completion.usage?.completion_tokens).toBeGreaterThan(0)
    const { headers } = await firstRequest(demo)
    expect(headers['authorization']).toBe(`Bearer ${TEST_CREDENTIAL}`)
    expect(JSON.stringify(headers)).not.toContain(TEST_TOKEN)
  })

  it('streams a chat, with its usage at the end', async () => {
    const { gateway } = await startKeystow()
    const stream = await createOpenAI(gateway).chat.completions.create({
      model: MODEL,
      messages: MESSAGES,
      stream: true,
      stream_options: { include_usage: true },
    })
    const deltas: string[] = []
    let usage: unknown
    for await (const chunk of stream) {
      const text = chunk.choices[0]?.delta.content
      if (text) deltas.push(text)
      usage = chunk.usage ?? usage
    }
    expect(deltas.length).toBeGreaterThan(10)
    expect(deltas.join('')).toContain('Hello from a test')
    expect(deltas.join('')).toMatch(/你好.*🚀🎉👋$/su)
    expect(usage).toMatchObject({ completion_tokens: expect.any(Number) })
  })

  it('runs its chat stream helper to the final completion', async () => {
    const { gateway } = await startKeystow()
    const runner = createOpenAI(gateway).chat.completions.stream({
      model: MODEL,
      messages: MESSAGES,
    })
    const deltas: string[] = []
    runner.on('content', (delta) => deltas.push(delta))
    const completion = await runner.finalChatCompletion()
    expect(completion.choices[0]?.message.content).toBe(deltas.join(''))
    expect(completion.choices[0]?.finish_reason).toBe('stop')
  })

  it('receives a delta while the upstream is still speaking', async () => {
    const { gateway, demo } = await startKeystow()
    const stream = await createOpenAI(gateway).chat.completions.create({
      model: 'demo-slow',
      messages: MESSAGES,
      stream: true,
    })
    const outcomes: unknown[] = []
    for await (const chunk of stream) {
      if (!chunk.choices[0]?.delta.content) continue
      outcomes.push(demo.received[0]?.outcome)
      break
    }
    expect(outcomes).toEqual(['open'])
  })

  it('creates a response', async () => {
    const { gateway } = await startKeystow()
    const response = await createOpenAI(gateway).responses.create({
      model: MODEL,
      input: 'Hello from a test',
    })
    expect(response.status).toBe('completed')
    expect(response.output_text).toContain('Hello from a test')
    expect(response.usage?.output_tokens).toBeGreaterThan(0)
  })

  it('streams a response', async () => {
    const { gateway } = await startKeystow()
    const stream = await createOpenAI(gateway).responses.create({
      model: MODEL,
      input: 'Hello from a test',
      stream: true,
    })
    const types: string[] = []
    let text = ''
    for await (const event of stream) {
      types.push(event.type)
      if (event.type === 'response.output_text.delta') text += event.delta
    }
    expect(types[0]).toBe('response.created')
    expect(types.at(-1)).toBe('response.completed')
    expect(text).toContain('Hello from a test')
  })

  it('reads embeddings, which it asks for as base64', async () => {
    const { gateway, demo } = await startKeystow()
    const client = createOpenAI(gateway)
    const request = { model: 'text-embedding-3-small', input: ['one', 'two'] }
    const decoded = await client.embeddings.create(request)
    const plain = await client.embeddings.create({ ...request, encoding_format: 'float' })
    expect(readBody(await firstRequest(demo))['encoding_format']).toBe('base64')
    expect(decoded.data).toHaveLength(2)
    const vector = decoded.data[0]?.embedding ?? []
    expect(vector.length).toBeGreaterThan(0)
    expect(vector).toHaveLength(plain.data[0]?.embedding.length ?? 0)
    for (const [index, value] of vector.entries()) {
      expect(value).toBeCloseTo(plain.data[0]?.embedding[index] ?? Number.NaN, 5)
    }
  })

  it('generates an image', async () => {
    const { gateway } = await startKeystow()
    const { data } = await createOpenAI(gateway).images.generate({
      model: 'gpt-image-1',
      prompt: 'a stowed key',
    })
    expect(data?.[0]?.b64_json ?? data?.[0]?.url).toBeTruthy()
  })

  it('edits an image it uploads', async () => {
    const { gateway, demo } = await startKeystow()
    const { data } = await createOpenAI(gateway).images.edit({
      model: 'gpt-image-1',
      image: await toFile(Buffer.from('not much of an image'), 'key.png', { type: 'image/png' }),
      prompt: 'polish it',
    })
    expect(data).toHaveLength(1)
    const { headers, body } = await firstRequest(demo)
    expect(headers['content-type']).toMatch(/^multipart\/form-data; boundary=/)
    expect(body.toString('latin1')).toContain('filename="key.png"')
  })

  it('receives speech as bytes', async () => {
    const { gateway } = await startKeystow()
    const speech = await createOpenAI(gateway).audio.speech.create({
      model: 'tts-1',
      voice: 'alloy',
      input: 'Hello from a test',
    })
    expect(speech.headers.get('content-type')).toMatch(/^audio\//)
    expect((await speech.arrayBuffer()).byteLength).toBeGreaterThan(0)
  })

  it('has a recording transcribed', async () => {
    const { gateway, demo } = await startKeystow()
    const recording = Buffer.from(Array.from({ length: 5000 }, (_, index) => index % 256))
    const { text } = await createOpenAI(gateway).audio.transcriptions.create({
      model: 'whisper-1',
      file: await toFile(recording, 'speech.wav', { type: 'audio/wav' }),
    })
    expect(text).not.toBe('')
    expect((await firstRequest(demo)).body.includes(recording)).toBe(true)
  })

  it('lists models and retrieves one', async () => {
    const { gateway, demo } = await startKeystow()
    const client = createOpenAI(gateway)
    const ids: string[] = []
    for await (const { id } of client.models.list()) ids.push(id)
    expect(ids).toContain(MODEL)
    expect((await client.models.retrieve(MODEL)).id).toBe(MODEL)
    expect(demo.received.map(({ path }) => path)).toEqual(['/v1/models', `/v1/models/${MODEL}`])
  })

  it.each(['', '/', '/v1', '/v1/'])('works with the base URL http://host%s', async (suffix) => {
    const { gateway, demo } = await startKeystow()
    const client = createOpenAI(gateway, { baseURL: gateway.origin + suffix })
    const request = { model: MODEL, messages: MESSAGES }
    const completion = await client.chat.completions.create(request)
    const streamed = await client.chat.completions.stream(request).finalContent()
    const models = await client.models.list()
    expect(completion.choices[0]?.message.content).toBe(streamed)
    expect(models.data).not.toHaveLength(0)
    expect(demo.received.map(({ path }) => path)).toEqual([
      '/v1/chat/completions',
      '/v1/chat/completions',
      '/v1/models',
    ])
  })

  it("reads the gateway's request id, which is not the upstream's", async () => {
    const { gateway } = await startKeystow()
    const request = createOpenAI(gateway).chat.completions.create({
      model: MODEL,
      messages: MESSAGES,
    })
    const { response, request_id: id } = await request.withResponse()
    expect(id).toBeTruthy()
    expect(response.headers.get('x-request-id')).toBe(id)
    expect((await request)._request_id).toBe(id)
    expect(response.headers.get('x-upstream-request-id')).toMatch(/^req_/)
    expect(response.headers.get('x-upstream-request-id')).not.toBe(id)
    const line = await gateway.waitForLine(({ requestId }) => requestId === id)
    expect(line['upstreamRequestId']).toBe(response.headers.get('x-upstream-request-id'))
  })

  it('cancels the upstream when a stream is aborted', async () => {
    const { gateway, demo } = await startKeystow()
    const stream = await createOpenAI(gateway).chat.completions.create({
      model: 'demo-slow',
      messages: MESSAGES,
      stream: true,
    })
    let deltas = 0
    for await (const chunk of stream) {
      if (!chunk.choices[0]?.delta.content) continue
      deltas++
      stream.controller.abort()
    }
    expect(deltas).toBe(1)
    const request = await firstRequest(demo)
    await request.closed
    expect(request.outcome).toBe('aborted')
    expect(await gateway.waitForLine(({ status }) => status === 499)).toMatchObject({
      client: 'alice',
      model: 'demo-slow',
      stream: true,
    })
  })

  it('cancels the upstream when a request is aborted before its answer', async () => {
    const { gateway, demo } = await startKeystow()
    const controller = new AbortController()
    const completion = createOpenAI(gateway).chat.completions.create(
      { model: 'demo-hang', messages: MESSAGES },
      { signal: controller.signal },
    )
    const failed = rejection(completion)
    const request = await firstRequest(demo)
    controller.abort()
    expect(await failed).toMatchObject({ message: 'Request was aborted.' })
    await request.closed
    expect(request.outcome).toBe('aborted')
    await gateway.waitForLine(({ status }) => status === 499)
  })
})
