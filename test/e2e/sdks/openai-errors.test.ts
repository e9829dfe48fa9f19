import OpenAI from 'openai'
import { describe, expect, it } from 'vitest'

import { hashClientToken } from '../../../src/clients/client-token.ts'
import { TEST_CREDENTIAL } from '../../helpers/gateway.ts'
import { createOpenAI, firstRequest, MESSAGES, rejection, startKeystow } from './keystow.ts'

const MODEL = 'gpt-4o-mini'

describe('errors in the openai SDK', () => {
  it('raises AuthenticationError for a token that nobody issued', async () => {
    const { gateway, demo } = await startKeystow()
    const error = await rejection(createOpenAI(gateway, { apiKey: 'ks-wrong' }).models.list())
    expect(error).toBeInstanceOf(OpenAI.AuthenticationError)
    expect(error).toMatchObject({
      status: 401,
      code: 'invalid_api_key',
      type: 'invalid_request_error',
      param: null,
      message: expect.stringContaining('Incorrect API key provided'),
      requestID: expect.stringMatching(/./),
    })
    expect(demo.received).toHaveLength(0)
  })

  it('raises PermissionDeniedError for a model that is not on the list of the client', async () => {
    const yaml = `clients:
  - id: bob
    tokenHash: ${hashClientToken('ks-test-bob').toString('hex')}
    models: [${MODEL}]
`
    const { gateway, demo } = await startKeystow({ yaml })
    const client = createOpenAI(gateway, { apiKey: 'ks-test-bob' })
    const refused = client.chat.completions.create({ model: 'gpt-4o', messages: MESSAGES })
    const error = await rejection(refused)
    expect(error).toBeInstanceOf(OpenAI.PermissionDeniedError)
    expect(error).toMatchObject({ status: 403, code: 'not_allowed', param: 'model' })
    expect(demo.received).toHaveLength(0)
    const allowed = await client.chat.completions.create({ model: MODEL, messages: MESSAGES })
    expect(allowed.choices).toHaveLength(1)
  })

  it('raises PermissionDeniedError for a path that is closed', async () => {
    const { gateway, demo } = await startKeystow()
    const error = await rejection(createOpenAI(gateway).files.list())
    expect(error).toBeInstanceOf(OpenAI.PermissionDeniedError)
    expect(error).toMatchObject({ status: 403, message: expect.stringContaining('/v1/files') })
    expect(demo.received).toHaveLength(0)
  })

  it('raises NotFoundError for a path that is not there', async () => {
    const { gateway } = await startKeystow()
    const client = createOpenAI(gateway, { baseURL: `${gateway.origin}/elsewhere` })
    const error = await rejection(client.models.list())
    expect(error).toBeInstanceOf(OpenAI.NotFoundError)
    expect(error).toMatchObject({ status: 404, code: 'unknown_url' })
  })

  it("raises NotFoundError with the upstream's own words", async () => {
    const { gateway } = await startKeystow()
    const error = await failChat(createOpenAI(gateway), 'demo-status-404')
    expect(error).toBeInstanceOf(OpenAI.NotFoundError)
    expect(error).toMatchObject({
      code: 'model_not_found',
      param: 'model',
      message: '404 The model does not exist.',
    })
  })

  it('raises RateLimitError with the headers that say how long to wait', async () => {
    const { gateway, demo } = await startKeystow({ env: { RATE_LIMIT_PER_MINUTE: '1' } })
    const client = createOpenAI(gateway)
    await client.chat.completions.create({ model: MODEL, messages: MESSAGES })
    const error = await failChat(client, MODEL)
    if (!(error instanceof OpenAI.RateLimitError)) throw error
    expect(error).toMatchObject({ code: 'rate_limit_exceeded', type: 'rate_limit_error' })
    expect(Number(error.headers.get('retry-after'))).toBeGreaterThanOrEqual(1)
    expect(Number(error.headers.get('retry-after-ms'))).toBeGreaterThanOrEqual(1)
    expect(error.headers.get('x-ratelimit-limit-requests')).toBe('1')
    expect(error.headers.get('x-ratelimit-remaining-requests')).toBe('0')
    expect(error.headers.get('x-ratelimit-reset-requests')).toMatch(/^\d+s$/)
    expect(demo.received).toHaveLength(1)
  })

  it('waits as a 429 says and then succeeds', async () => {
    const { gateway, demo } = await startKeystow({ env: { CONCURRENCY_LIMIT: '1' } })
    const controller = new AbortController()
    const client = createOpenAI(gateway, { maxRetries: 5 })
    const running = rejection(
      client.chat.completions.create(
        { model: 'demo-hang', messages: MESSAGES },
        { signal: controller.signal },
      ),
    )
    await firstRequest(demo)
    const startedAt = performance.now()
    const waiting = client.chat.completions.create({ model: MODEL, messages: MESSAGES })
    await gateway.waitForLine(({ status }) => status === 429)
    controller.abort()
    await running
    expect((await waiting).choices).toHaveLength(1)
    expect(performance.now() - startedAt).toBeGreaterThan(990)
  })

  it.each([
    ['demo-status-500', 500, 'internal_error'],
    ['demo-status-503', 503, 'overloaded'],
    ['demo-html-502', 502, undefined],
  ])('raises InternalServerError when the upstream answers as %s', async (model, status, code) => {
    const { gateway, demo } = await startKeystow()
    const error = await failChat(createOpenAI(gateway), model)
    expect(error).toBeInstanceOf(OpenAI.InternalServerError)
    expect(error).toMatchObject({ status, code })
    expect(demo.received).toHaveLength(1)
  })

  it('raises InternalServerError when the upstream resets before its answer', async () => {
    const { gateway, demo } = await startKeystow()
    const error = await failChat(createOpenAI(gateway), 'demo-reset-before-headers')
    expect(error).toBeInstanceOf(OpenAI.InternalServerError)
    expect(error).toMatchObject({ status: 502, code: 'upstream_unavailable', type: 'server_error' })
    expect(demo.received).toHaveLength(1)
  })

  it('raises InternalServerError when nothing listens where the upstream should', async () => {
    const { gateway, demo } = await startKeystow()
    await demo.close()
    const error = await failChat(createOpenAI(gateway), MODEL)
    expect(error).toBeInstanceOf(OpenAI.InternalServerError)
    expect(error).toMatchObject({ status: 502, code: 'upstream_unavailable' })
    expect(String(error)).not.toContain(new URL(demo.origin).host)
  })

  it('raises InternalServerError when the upstream does not answer in time', async () => {
    const { gateway } = await startKeystow({ env: { UPSTREAM_FIRST_BYTE_TIMEOUT_MS: '50' } })
    const error = await failChat(createOpenAI(gateway), 'demo-hang')
    expect(error).toBeInstanceOf(OpenAI.InternalServerError)
    expect(error).toMatchObject({ status: 504, code: 'upstream_timeout' })
  })

  it('is the only one to retry', async () => {
    const { gateway, demo } = await startKeystow()
    await failChat(createOpenAI(gateway, { maxRetries: 1 }), 'demo-reset-before-headers')
    expect(demo.received).toHaveLength(2)
    await failChat(createOpenAI(gateway, { maxRetries: 1 }), 'demo-status-500')
    expect(demo.received).toHaveLength(4)
  })

  it.each(['demo-reset-midstream', 'demo-close-midstream', 'demo-clean-eof'])(
    'raises APIError behind the partial text of a chat that broke off: %s',
    async (model) => {
      const { gateway } = await startKeystow()
      const stream = await createOpenAI(gateway).chat.completions.create({
        model,
        messages: MESSAGES,
        stream: true,
      })
      let text = ''
      const error = await rejection(
        (async () => {
          for await (const chunk of stream) text += chunk.choices[0]?.delta.content ?? ''
        })(),
      )
      expect(text).toMatch(/^你好！/)
      expect(error).toBeInstanceOf(OpenAI.APIError)
      expect(error).toMatchObject({ code: 'upstream_unavailable', type: 'server_error' })
    },
  )

  it.each(['demo-reset-midstream', 'demo-close-midstream', 'demo-clean-eof'])(
    'raises APIError behind the partial text of a response that broke off: %s',
    async (model) => {
      const { gateway } = await startKeystow()
      const stream = await createOpenAI(gateway).responses.create({
        model,
        input: 'Hello from a test',
        stream: true,
      })
      let text = ''
      const error = await rejection(
        (async () => {
          for await (const event of stream) {
            if (event.type === 'response.output_text.delta') text += event.delta
          }
        })(),
      )
      expect(text).toMatch(/^你好！/)
      expect(error).toBeInstanceOf(OpenAI.APIError)
      expect(error).toMatchObject({ code: 'upstream_unavailable' })
    },
  )

  it("raises APIError for the upstream's own error in a stream", async () => {
    const { gateway } = await startKeystow()
    const runner = createOpenAI(gateway).chat.completions.stream({
      model: 'demo-error-event',
      messages: MESSAGES,
    })
    const error = await rejection(runner.finalContent())
    expect(error).toBeInstanceOf(OpenAI.APIError)
    expect(error).toMatchObject({ code: 'demo_stream_error' })
  })

  it('never takes half of a JSON body for an answer', async () => {
    const { gateway } = await startKeystow()
    const error = await failChat(createOpenAI(gateway), 'demo-reset-midstream')
    expect(error).toBeInstanceOf(Error)
    expect(await gateway.waitForLine(() => true)).toMatchObject({ error: 'upstream_unavailable' })
  })

  it('never shows the credential, whatever goes wrong', async () => {
    const { gateway } = await startKeystow()
    const client = createOpenAI(gateway)
    for (const model of ['demo-status-401', 'demo-status-428', 'demo-html-502']) {
      const error = await failChat(client, model)
      if (!(error instanceof OpenAI.APIError)) throw error
      const shown = [error.message, JSON.stringify(error.error), ...(error.headers ?? [])].join(
        '\n',
      )
      expect(shown).not.toContain(TEST_CREDENTIAL)
    }
    expect(gateway.log()).not.toContain(TEST_CREDENTIAL)
  })
})

function failChat(client: OpenAI, model: string): Promise<unknown> {
  return rejection(client.chat.completions.create({ model, messages: MESSAGES }))
}
