import { describe, expect, it } from 'vitest'

import { createDemandMeter } from '../../src/usage/demand.ts'
import { createMeter } from '../../src/usage/meter.ts'
import { type Case, estimate, EVENTS, exact, NOTHING, read } from './metering.ts'

const PROMPT = { messages: [{ role: 'user', content: '你好' }] }
const USAGE = { prompt_tokens: 10, completion_tokens: 20, total_tokens: 30 }
const TOLD = { inputTokens: 10, outputTokens: 20 }

const chunk = (content: string, rest: object = {}): string =>
  `data: ${JSON.stringify({ choices: [{ index: 0, delta: { content } }], ...rest })}\n\n`
const final = (usage: unknown): string => `data: ${JSON.stringify({ choices: [], usage })}\n\n`
const stream = (...events: readonly string[]): Omit<Case, 'isWhole'> => ({
  endpoint: 'chat',
  request: PROMPT,
  head: EVENTS,
  answer: events.join(''),
})
const DONE = 'data: [DONE]\n\n'

describe('an answer that tells its usage', () => {
  it('is metered exactly, wherever the usage stands', () => {
    const answer = { id: 'x', choices: [{ message: { content: '你好'.repeat(100) } }] }
    expect(read({ endpoint: 'chat', answer: { ...answer, usage: USAGE } })).toMatchObject(
      exact(TOLD),
    )
    expect(read({ endpoint: 'chat', answer: { usage: USAGE, ...answer } })).toMatchObject(
      exact(TOLD),
    )
    expect(
      read({ endpoint: 'completions', answer: { choices: [{ text: 'x' }], usage: USAGE } }),
    ).toMatchObject(exact(TOLD))
    expect(
      read({ endpoint: 'embeddings', answer: { data: [], usage: { prompt_tokens: 8 } } }),
    ).toMatchObject(exact({ inputTokens: 8 }))
    expect(read({ endpoint: 'other', answer: { usage: USAGE } })).toMatchObject(exact(TOLD))
    expect(read(stream(chunk('你'), chunk('好'), final(USAGE), DONE))).toMatchObject(exact(TOLD))
    expect(
      read(stream(chunk('你', { usage: null }), chunk('好', { usage: USAGE }), DONE)),
    ).toMatchObject(exact(TOLD))
  })

  it('is metered exactly on /v1/responses', () => {
    const usage = { input_tokens: 10, output_tokens: 20 }
    const event = (type: string, rest: object): string =>
      `event: ${type}\ndata: ${JSON.stringify({ type, ...rest })}\n\n`
    const answer = [
      event('response.created', { response: { usage: null } }),
      event('response.output_text.delta', { delta: '你好' }),
      event('response.output_text.done', { text: '你好' }),
      event('response.completed', { response: { output: [{ text: '你好' }], usage } }),
    ].join('')
    expect(read({ endpoint: 'responses', head: EVENTS, answer })).toMatchObject(exact(TOLD))
    expect(
      read({ endpoint: 'responses', answer: { output: [], error: null, usage } }),
    ).toMatchObject(exact(TOLD))
  })

  it('is exact even if its client left behind the usage', () => {
    expect(read({ ...stream(chunk('你'), final(USAGE)), isWhole: false })).toMatchObject(
      exact(TOLD),
    )
  })

  it('is metered by the last of usages that grow, and by the largest of those that do not', () => {
    const grown = [1, 2, 3].map((n) =>
      chunk('你', { usage: { prompt_tokens: 10, completion_tokens: n } }),
    )
    expect(read(stream(...grown, DONE))).toMatchObject(exact({ inputTokens: 10, outputTokens: 3 }))
    expect(
      read(stream(final(USAGE), final({ prompt_tokens: 0, completion_tokens: 0 }))),
    ).toMatchObject(exact(TOLD))
    const twice =
      '{"usage":{"prompt_tokens":10,"completion_tokens":20},"usage":{"prompt_tokens":1}}'
    expect(read({ endpoint: 'chat', answer: twice })).toMatchObject(exact(TOLD))
  })
})

describe('an answer whose usage lies', () => {
  it.each<[string, unknown]>([
    ['negative', { prompt_tokens: -10, completion_tokens: 20 }],
    ['absurd', { prompt_tokens: 10, completion_tokens: 1e300 }],
    ['text', { prompt_tokens: '10', completion_tokens: '20' }],
    ['a list', [USAGE]],
    ['a word', 'usage'],
    ['empty', {}],
  ])('is estimated: %s', (_what, usage) => {
    expect(read(stream(chunk('你好'), final(usage), DONE))).toMatchObject(
      estimate({ inputTokens: 6, outputTokens: 2 }),
    )
  })

  it.each<[string, object]>([
    ['in a choice', { choices: [{ usage: USAGE, delta: { content: '你好' } }] }],
    ['in another member', { x: { usage: USAGE }, choices: [{ delta: { content: '你好' } }] }],
    ['in a text', { choices: [{ delta: { content: `"usage":${JSON.stringify(USAGE)}` } }] }],
  ])('is estimated where it stands in the wrong place: %s', (_what, event) => {
    const { usage, isEstimated } = read(stream(`data: ${JSON.stringify(event)}\n\n`, DONE))
    expect(isEstimated).toBe(true)
    expect(usage.inputTokens).toBe(6)
  })

  it('is estimated where it says nothing and something was said', () => {
    const nothing = { prompt_tokens: 0, completion_tokens: 0, total_tokens: 0 }
    expect(read(stream(chunk('你好'), final(nothing)))).toMatchObject(
      estimate({ inputTokens: 6, outputTokens: 2 }),
    )
    expect(
      read(stream(chunk('你好'), final({ prompt_tokens: 9, completion_tokens: 0 }))),
    ).toMatchObject(
      estimate({
        inputTokens: 9,
        outputTokens: 2,
      }),
    )
  })

  it('is believed where it says nothing and nothing was said', () => {
    expect(
      read(stream(chunk(''), final({ prompt_tokens: 9, completion_tokens: 0 }))),
    ).toMatchObject(
      exact({
        inputTokens: 9,
      }),
    )
  })
})

describe('an answer that never tells its usage', () => {
  it('is estimated by what was said', () => {
    const said = { inputTokens: 6, outputTokens: 4 }
    expect(read(stream(chunk('你好'), chunk('世界'), DONE))).toMatchObject(estimate(said))
    expect(read({ ...stream(chunk('你好'), chunk('世界')), isWhole: false })).toMatchObject(
      estimate(said),
    )
    const answer = { choices: [{ message: { role: 'assistant', content: '你好世界' } }] }
    expect(read({ endpoint: 'chat', request: PROMPT, answer })).toMatchObject(estimate(said))
  })

  it('is estimated by what was thought and called, too', () => {
    const delta = { reasoning_content: '想', tool_calls: [{ function: { arguments: '{"城":1}' } }] }
    const { usage } = read(stream(`data: ${JSON.stringify({ choices: [{ delta }] })}\n\n`))
    expect(usage.outputTokens).toBe(1 + 1 + 1 + 1)
  })

  it('is never free', () => {
    for (const isWhole of [true, false]) {
      expect(read({ endpoint: 'chat', answer: '', isWhole })).toMatchObject(
        estimate({ inputTokens: 4, outputTokens: 1 }),
      )
    }
    const demand = createDemandMeter('chat')
    demand.write(Buffer.from(JSON.stringify(PROMPT)))
    expect(createMeter({ endpoint: 'chat', demand: demand.read }).read(false)).toMatchObject({
      usage: { inputTokens: 6, outputTokens: 1 },
      isEstimated: true,
      isBilled: true,
    })
  })

  it('is estimated behind the last usage it told', () => {
    const usage = { prompt_tokens: 10, completion_tokens: 1 }
    expect(
      read({ ...stream(chunk('你', { usage }), chunk('好'), chunk('世')), isWhole: false }),
    ).toMatchObject(
      estimate({
        inputTokens: 10,
        outputTokens: 3,
      }),
    )
  })

  it('does not count the end of a JSON body that broke off in its usage', () => {
    const whole = JSON.stringify({ choices: [{ message: { content: '你好' } }], usage: USAGE })
    expect(
      read({ endpoint: 'chat', request: PROMPT, answer: whole.slice(0, -5), isWhole: false }),
    ).toMatchObject(
      estimate({
        inputTokens: 6,
        outputTokens: 2,
      }),
    )
    expect(read({ endpoint: 'chat', answer: whole.slice(0, -1), isWhole: false })).toMatchObject(
      exact(TOLD),
    )
  })
})

describe('an answer that is no work', () => {
  it('is not billed', () => {
    const error = { error: { message: 'no', type: 'x', param: null, code: null } }
    expect(read({ endpoint: 'chat', head: { status: 429 }, answer: error })).toMatchObject(NOTHING)
    expect(
      read({ endpoint: 'chat', head: { status: 500 }, answer: { usage: USAGE } }),
    ).toMatchObject(NOTHING)
    expect(read({ endpoint: 'chat', head: { status: 307 }, answer: '' })).toMatchObject(NOTHING)
    expect(read({ endpoint: 'chat', request: PROMPT, answer: error })).toMatchObject(NOTHING)
    expect(read({ endpoint: 'speech', request: { input: '你好' }, answer: error })).toMatchObject(
      NOTHING,
    )
    expect(read(stream(`data: ${JSON.stringify(error)}\n\n`, DONE))).toMatchObject(NOTHING)
    expect(read({ endpoint: 'free', answer: { usage: USAGE } })).toMatchObject(NOTHING)
  })

  it('is billed for what came before its error', () => {
    const error = 'data: {"error":{"message":"no"}}\n\n'
    expect(read(stream(chunk('你好'), error, DONE))).toMatchObject(
      estimate({ inputTokens: 6, outputTokens: 2 }),
    )
  })
})

describe('the meter of a running stream', () => {
  it('tells the tokens of output by now', () => {
    const demand = createDemandMeter('chat')
    const metered = createMeter({ endpoint: 'chat', demand: demand.read })
    expect(metered.outputTokens()).toBe(0)
    metered.begin({ status: 200, ...EVENTS })
    metered.write(Buffer.from(chunk('你好')))
    expect(metered.outputTokens()).toBe(2)
    metered.write(Buffer.from(chunk('世', { usage: { prompt_tokens: 1, completion_tokens: 10 } })))
    expect(metered.outputTokens()).toBe(10)
    metered.write(Buffer.from(chunk('界')))
    expect(metered.outputTokens()).toBe(11)
  })
})

describe('an error of a response', () => {
  const error = `event: error\ndata: ${JSON.stringify({ type: 'error', code: 'server_error', message: '不', param: null })}\n\n`
  const asked = { endpoint: 'responses', request: { input: '你好' }, head: EVENTS } as const
  const event = (data: object): string => `data: ${JSON.stringify(data)}\n\n`
  const created = event({ type: 'response.created', response: { error: null, usage: null } })

  it('that comes before any text used nothing', () => {
    expect(read({ ...asked, answer: error })).toMatchObject(NOTHING)
    expect(read({ ...asked, answer: created + error })).toMatchObject(NOTHING)
  })

  it('that comes behind text leaves what was written', () => {
    const delta = event({ type: 'response.output_text.delta', delta: '你好' })
    expect(read({ ...asked, answer: created + delta + error })).toMatchObject(
      estimate({ inputTokens: 6, outputTokens: 2 }),
    )
  })
})
