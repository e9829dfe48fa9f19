import { describe, expect, it } from 'vitest'

import { findProgram } from '../../helpers/programs.ts'
import { firstRequest } from './keystow.ts'
import { usePages } from './page/use-pages.ts'

const FOREIGN_ORIGIN = 'https://app.example.com'

describe.skipIf(findProgram('chromium') === undefined)(
  'the openai SDK in a page on another origin',
  () => {
    const start = usePages()

    it('completes a chat, with headers that need a preflight', async () => {
      const { page, target, gateway, demo } = await start()
      const [request, answer] = await Promise.all([
        page.waitForRequest((request) => request.method() === 'POST'),
        page.evaluate(async (target) => {
          const { data, response, request_id } = await pageSdks
            .openai(target)
            .chat.completions.create({
              model: 'gpt-4o-mini',
              messages: [{ role: 'user', content: 'Hello from a page' }],
            })
            .withResponse()
          return {
            text: data.choices[0]?.message.content,
            requestId: request_id,
            headers: Object.fromEntries(response.headers.entries()),
          }
        }, target),
      ])
      expect(request.headers()).toMatchObject({
        'x-stainless-lang': 'js',
        'x-stainless-runtime': 'browser:chrome',
      })
      expect(answer.text).toContain('Hello from a page')
      expect(answer.requestId).toBeTruthy()
      expect(answer.headers).toMatchObject({
        'x-request-id': answer.requestId,
        'x-upstream-request-id': expect.stringMatching(/^req_/),
        'openai-processing-ms': expect.stringMatching(/^\d+$/),
        'x-ratelimit-remaining-tokens': expect.stringMatching(/^\d+$/),
      })
      const seen = gateway.requestLines().map(({ method, status }) => [method, status])
      expect(seen).toContainEqual(['OPTIONS', 204])
      expect(demo.received.map(({ method }) => method)).toEqual(['POST'])
    })

    it('lists models', async () => {
      const { page, target } = await start()
      const ids = await page.evaluate(async (target) => {
        const { data } = await pageSdks.openai(target).models.list()
        return data.map(({ id }) => id)
      }, target)
      expect(ids).toContain('gpt-4o-mini')
    })

    it('sees the deltas of a stream one by one', async () => {
      const { page, target, demo } = await start()
      const outcomes: (string | undefined)[] = []
      await page.exposeFunction('sawDelta', () => void outcomes.push(demo.received[0]?.outcome))
      const arrivals = await page.evaluate(async (target) => {
        const stream = await pageSdks.openai(target).chat.completions.create({
          model: 'demo-pace-50',
          messages: [{ role: 'user', content: 'Hello from a page' }],
          stream: true,
        })
        const times: number[] = []
        for await (const chunk of stream) {
          if (!chunk.choices[0]?.delta.content) continue
          times.push(performance.now())
          if (times.length === 1) await sawDelta()
        }
        return times
      }, target)
      expect(outcomes).toEqual(['open'])
      expect(arrivals.length).toBeGreaterThan(20)
      expect((arrivals.at(-1) ?? 0) - (arrivals[1] ?? 0)).toBeGreaterThan(500)
    })

    it('cancels the upstream when it aborts', async () => {
      const { page, target, gateway, demo } = await start()
      const deltas = await page.evaluate(async (target) => {
        const stream = await pageSdks.openai(target).chat.completions.create({
          model: 'demo-slow',
          messages: [{ role: 'user', content: 'Hello from a page' }],
          stream: true,
        })
        let deltas = 0
        for await (const chunk of stream) {
          if (!chunk.choices[0]?.delta.content) continue
          deltas++
          stream.controller.abort()
        }
        return deltas
      }, target)
      expect(deltas).toBe(1)
      const request = await firstRequest(demo)
      await request.closed
      expect(request.outcome).toBe('aborted')
      await gateway.waitForLine(({ status }) => status === 499)
    })

    it('cancels the upstream when it is closed', async () => {
      const { page, target, gateway, demo } = await start()
      void page
        .evaluate(
          (target) =>
            pageSdks.openai(target).chat.completions.create({
              model: 'demo-hang',
              messages: [{ role: 'user', content: 'Hello from a page' }],
            }),
          target,
        )
        .catch(() => {})
      const request = await firstRequest(demo)
      await page.close()
      await request.closed
      expect(request.outcome).toBe('aborted')
      await gateway.waitForLine(({ status }) => status === 499)
    })

    it.each([
      ['a token that nobody issued', 'gpt-4o-mini', 'AuthenticationError', 401, 'invalid_api_key'],
      ['a reset', 'demo-reset-before-headers', 'InternalServerError', 502, 'upstream_unavailable'],
      ["the upstream's 429", 'demo-status-429', 'RateLimitError', 429, 'rate_limit_exceeded'],
      ["the upstream's 500", 'demo-status-500', 'InternalServerError', 500, 'internal_error'],
      ["the upstream's HTML", 'demo-html-502', 'InternalServerError', 502, undefined],
    ])('reads the error of %s', async (_case, model, kind, status, code) => {
      const { page, target } = await start()
      const caller = status === 401 ? { ...target, apiKey: 'ks-wrong' } : target
      const failure = await page.evaluate(
        ({ caller, model }) =>
          pageSdks.failure(
            pageSdks.openai(caller).chat.completions.create({
              model,
              messages: [{ role: 'user', content: 'Hello from a page' }],
            }),
          ),
        { caller, model },
      )
      expect(failure).toMatchObject({ kind, status, code, requestId: expect.stringMatching(/./) })
      expect(failure.message).not.toContain('Connection error')
    })

    it('raises the error behind the partial text of a stream that broke off', async () => {
      const { page, target } = await start()
      const { text, failure } = await page.evaluate(async (target) => {
        let text = ''
        async function read(): Promise<void> {
          const stream = await pageSdks.openai(target).chat.completions.create({
            model: 'demo-reset-midstream',
            messages: [{ role: 'user', content: 'Hello from a page' }],
            stream: true,
          })
          for await (const chunk of stream) text += chunk.choices[0]?.delta.content ?? ''
        }
        const failure = await pageSdks.failure(read())
        return { text, failure }
      }, target)
      expect(text).toMatch(/^你好！/)
      expect(failure).toMatchObject({ kind: 'APIError', code: 'upstream_unavailable' })
    })

    it('reads with fetch how long to wait from a 429', async () => {
      const { page, target } = await start({ RATE_LIMIT_PER_MINUTE: '1' })
      const answers = await page.evaluate(async ({ baseURL, apiKey }) => {
        const ask = async () => {
          const headers = { authorization: `Bearer ${apiKey}` }
          const response = await fetch(`${baseURL}/models`, { headers })
          const body: unknown = await response.json()
          return {
            status: response.status,
            headers: Object.fromEntries(response.headers.entries()),
            body,
          }
        }
        return [await ask(), await ask()]
      }, target)
      expect(answers.map(({ status }) => status)).toEqual([200, 429])
      expect(answers[1]?.body).toMatchObject({ error: { code: 'rate_limit_exceeded' } })
      expect(answers[1]?.headers).toMatchObject({
        'retry-after': expect.stringMatching(/^\d+$/),
        'retry-after-ms': expect.stringMatching(/^\d+$/),
        'x-ratelimit-limit-requests': '1',
        'x-ratelimit-remaining-requests': '0',
        'x-ratelimit-reset-requests': expect.stringMatching(/^\d+s$/),
        'x-request-id': expect.stringMatching(/./),
      })
    })

    it('counts no preflight against the limit', async () => {
      const { page, target, gateway } = await start({ RATE_LIMIT_PER_MINUTE: '2' })
      const listed = await page.evaluate(async (target) => {
        const client = pageSdks.openai(target)
        const model = await client.models.retrieve('gpt-4o-mini')
        return [model.id, (await client.models.list()).data.length > 0]
      }, target)
      expect(listed).toEqual(['gpt-4o-mini', true])
      const preflights = gateway.requestLines().filter(({ method }) => method === 'OPTIONS')
      expect(preflights).toHaveLength(2)
    })

    it('reads nothing where its origin is not allowed', async () => {
      const { page, target, gateway, demo } = await start({ ALLOWED_ORIGINS: FOREIGN_ORIGIN })
      const failure = await page.evaluate(
        (target) => pageSdks.failure(pageSdks.openai(target).models.list()),
        target,
      )
      expect(failure).toMatchObject({ kind: 'APIConnectionError' })
      expect(failure.status).toBeUndefined()
      const simple = await page.evaluate(
        ({ baseURL }) => pageSdks.failure(fetch(`${baseURL}/models`)),
        target,
      )
      expect(simple.message).toBe('TypeError: Failed to fetch')
      const seen = gateway.requestLines().map(({ method, status }) => [method, status])
      expect(seen).toEqual([
        ['OPTIONS', 403],
        ['GET', 401],
      ])
      expect(demo.received).toHaveLength(0)
    })

    it('spends nothing by a request without a preflight where access is open', async () => {
      const env = { ALLOWED_ORIGINS: FOREIGN_ORIGIN, OPEN_ACCESS: 'true' }
      const { page, target, gateway, demo } = await start(env)
      const type = await page.evaluate(async ({ baseURL }) => {
        const body = JSON.stringify({
          model: 'gpt-4o-mini',
          messages: [{ role: 'user', content: '' }],
        })
        const url = `${baseURL}/chat/completions`
        const response = await fetch(url, { method: 'POST', mode: 'no-cors', body })
        return response.type
      }, target)
      expect(type).toBe('opaque')
      expect(await gateway.waitForLine(({ method }) => method === 'POST')).toMatchObject({
        status: 403,
        error: 'not_allowed',
      })
      expect(demo.received).toHaveLength(0)
    })
  },
)
