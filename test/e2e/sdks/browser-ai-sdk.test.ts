import { describe, expect, it } from 'vitest'

import { findProgram } from '../../helpers/programs.ts'
import { firstRequest } from './keystow.ts'
import { usePages } from './page/use-pages.ts'

describe.skipIf(findProgram('chromium') === undefined)(
  'the AI SDK in a page on another origin',
  () => {
    const start = usePages()

    it('generates and streams text', async () => {
      const { page, target } = await start()
      const { text, deltas } = await page.evaluate(async (target) => {
        const model = pageSdks.compatible(target)('gpt-4o-mini')
        const prompt = 'Hello from a page'
        const { text } = await pageSdks.generateText({ model, prompt })
        const deltas: string[] = []
        for await (const delta of pageSdks.streamText({ model, prompt }).textStream) {
          deltas.push(delta)
        }
        return { text, deltas }
      }, target)
      expect(text).toContain('Hello from a page')
      expect(deltas.length).toBeGreaterThan(10)
      expect(deltas.join('')).toBe(text)
    })

    it('cancels the upstream when it aborts', async () => {
      const { page, target, gateway, demo } = await start()
      const deltas = await page.evaluate(async (target) => {
        const controller = new AbortController()
        const { fullStream } = pageSdks.streamText({
          model: pageSdks.compatible(target)('demo-slow'),
          prompt: 'Hello from a page',
          abortSignal: controller.signal,
        })
        let deltas = 0
        for await (const { type } of fullStream) {
          if (type !== 'text-delta') continue
          deltas++
          controller.abort()
        }
        return deltas
      }, target)
      expect(deltas).toBe(1)
      const request = await firstRequest(demo)
      await request.closed
      expect(request.outcome).toBe('aborted')
      await gateway.waitForLine(({ status }) => status === 499)
    })

    it.each([
      ['a token that nobody issued', 401, 'Incorrect API key provided', 'gpt-4o-mini'],
      ['a reset', 502, 'upstream could not be reached', 'demo-reset-before-headers'],
      ["the upstream's 429", 429, 'Rate limit reached', 'demo-status-429'],
    ])('reads the error of %s', async (_case, status, message, model) => {
      const { page, target } = await start()
      const caller = status === 401 ? { ...target, apiKey: 'ks-wrong' } : target
      const failure = await page.evaluate(
        ({ caller, model }) =>
          pageSdks.failure(
            pageSdks.generateText({
              model: pageSdks.compatible(caller)(model),
              prompt: 'Hello from a page',
              maxRetries: 0,
            }),
          ),
        { caller, model },
      )
      expect(failure).toMatchObject({ kind: 'APICallError', status })
      expect(failure.message).toContain(message)
      expect(failure.headers?.['x-request-id']).toBeTruthy()
      expect(failure.headers?.['retry-after']).toBe(status === 429 ? '2' : undefined)
    })
  },
)
