import { describe, expect, it } from 'vitest'

import { createDemandMeter } from '../../src/usage/demand.ts'
import { createMeter } from '../../src/usage/meter.ts'
import { type Case, estimate, EVENTS, exact, NOTHING, read } from './metering.ts'

const TOLD = { inputTokens: 10, outputTokens: 20 }

describe('images', () => {
  const request = { prompt: '你好', n: 2, size: '1024x1024', quality: 'hd' }
  const image = { b64_json: 'A'.repeat(100_000), revised_prompt: '{"usage":{}}' }

  it('are counted, with their size and quality', () => {
    const asked: Case = {
      endpoint: 'images',
      request,
      answer: { created: 1, data: [image, image] },
    }
    expect(read(asked)).toMatchObject(exact({ images: 2 }))
    expect(read(asked)).toMatchObject({ imageSize: '1024x1024', imageQuality: 'hd' })
    const usage = { input_tokens: 10, output_tokens: 20 }
    const answer = { data: [image], size: '1536x1024', quality: 'low', usage }
    expect(read({ endpoint: 'images', request, answer })).toMatchObject(
      exact({ ...TOLD, images: 1 }),
    )
    expect(read({ endpoint: 'images', request, answer })).toMatchObject({
      imageSize: '1536x1024',
      imageQuality: 'low',
    })
  })

  it('are counted in a stream, each with its usage', () => {
    const partial = { type: 'image_generation.partial_image', b64_json: 'A'.repeat(1000) }
    const usage = { input_tokens: 5, output_tokens: 10 }
    const completed = {
      type: 'image_generation.completed',
      b64_json: 'A',
      size: '1024x1024',
      usage,
    }
    const events = [partial, completed, completed].map(
      (event) => `data: ${JSON.stringify(event)}\n\n`,
    )
    const asked: Case = { endpoint: 'images', request, head: EVENTS, answer: events.join('') }
    expect(read(asked)).toMatchObject(exact({ ...TOLD, images: 2 }))
    expect(read({ ...asked, answer: events[0] ?? '', isWhole: false })).toMatchObject(
      estimate({
        inputTokens: 2,
        outputTokens: 2112,
        images: 2,
      }),
    )
  })

  it('are billed as asked for when they never come', () => {
    const answer = JSON.stringify({ data: [image, image] })
    const asked: Case = { endpoint: 'images', request, answer, isWhole: false }
    expect(read(asked)).toMatchObject(estimate({ inputTokens: 2, outputTokens: 2112, images: 2 }))
    expect(read({ ...asked, answer: '' })).toMatchObject(
      estimate({ inputTokens: 2, outputTokens: 2112, images: 2 }),
    )
  })
})

describe('sound', () => {
  const request = { input: '你好，世界', voice: 'alloy' }
  const head = { contentType: 'audio/pcm' }

  it('that is spoken is metered by its characters and its length', () => {
    const answer = '\0'.repeat(48_000)
    expect(read({ endpoint: 'speech', request, head, answer })).toMatchObject(
      exact({ characters: 5, audioMs: 1000 }),
    )
    expect(read({ endpoint: 'speech', request, head, answer, isWhole: false })).toMatchObject(
      estimate({
        characters: 5,
        audioMs: 1000,
      }),
    )
    expect(read({ endpoint: 'speech', request, head, answer: '' })).toMatchObject(
      estimate({ characters: 5, audioMs: 1000 }),
    )
  })

  it('that is spoken in events is metered by its usage', () => {
    const done = { type: 'speech.audio.done', usage: { input_tokens: 10, output_tokens: 20 } }
    const answer = `data: {"type":"speech.audio.delta","audio":"AAAA"}\n\ndata: ${JSON.stringify(done)}\n\n`
    expect(read({ endpoint: 'speech', request, head: EVENTS, answer })).toMatchObject(
      exact({ ...TOLD, characters: 5, audioMs: 1000 }),
    )
  })

  it('that is heard is metered by its seconds or tokens', () => {
    const endpoint = 'transcription'
    const usage = { type: 'duration', seconds: 9 }
    expect(read({ endpoint, answer: { text: '你好', usage } })).toMatchObject(
      exact({ audioMs: 9000 }),
    )
    const tokens = { type: 'tokens', input_tokens: 10, output_tokens: 20 }
    expect(read({ endpoint, answer: { text: '你好', usage: tokens } })).toMatchObject(exact(TOLD))
    const verbose = { duration: 8.47, text: '你好', segments: [{ text: '你好' }] }
    expect(read({ endpoint, answer: verbose })).toMatchObject(exact({ audioMs: 8470 }))
    const done = `data: {"type":"transcript.text.delta","delta":"你好"}\n\ndata: ${JSON.stringify({ type: 'transcript.text.done', text: '你好', usage: tokens })}\n\n`
    expect(read({ endpoint, head: EVENTS, answer: done })).toMatchObject(exact(TOLD))
  })

  it('that is heard and not told of is estimated from the upload', () => {
    const answer = '你好，世界'
    const demand = {
      write() {},
      read: () => ({ ...createDemandMeter('other').read(), uploadBytes: 160_000 }),
    }
    const metered = createMeter({ endpoint: 'transcription', demand: demand.read })
    metered.begin({ status: 200, isEventStream: false, contentType: 'text/plain; charset=utf-8' })
    metered.write(Buffer.from(answer))
    expect(metered.read(true)).toMatchObject({
      usage: { inputTokens: 100, outputTokens: 5, audioMs: 10_000 },
      isEstimated: true,
    })
  })
})

describe('a task', () => {
  it.each([
    '{"code":1,"description":"Submit success","result":17320000000000000001}',
    '{"code":22,"result":1}',
    '{"code":"success","data":"x"}',
    '{"id":"x","state":"queued"}',
    '{"code":null,"id":"x"}',
    '{"code":"","id":"x"}',
    '{"code":201,"id":"x"}',
    '{"code":10000,"data":{"task_id":"x"}}',
    '{"code":"OK","id":"x"}',
  ])('is billed when it has begun: %s', (answer) => {
    expect(read({ endpoint: 'task', answer })).toMatchObject(exact({}))
  })

  it.each([
    '{"code":24,"description":"banned"}',
    '{"code":"fail"}',
    '{"code":400}',
    '{"error":"no"}',
  ])('is not billed when it was refused: %s', (answer) => {
    expect(read({ endpoint: 'task', answer })).toMatchObject(NOTHING)
  })

  it('is billed when its answer was never seen', () => {
    expect(read({ endpoint: 'task', answer: '', isWhole: false })).toMatchObject(estimate({}))
  })
})
