import OpenAI, { type ClientOptions } from 'openai'
import { onTestFinished, vi } from 'vitest'

import { startDemoUpstream } from '../../../src/demo/upstream.ts'
import { type Gateway, startGateway, TEST_CREDENTIAL } from '../../helpers/gateway.ts'

type DemoUpstream = Awaited<ReturnType<typeof startDemoUpstream>>
type ReceivedRequest = DemoUpstream['received'][number]

interface Keystow {
  readonly gateway: Gateway
  readonly demo: DemoUpstream
}

interface KeystowOptions {
  readonly env?: Readonly<Record<string, string>>
  readonly yaml?: string
}

/** Waits for what another side does in its own time; long, because it only ends a test that has failed. */
const WAIT = { timeout: 15_000, interval: 10 }

/** What the tests say; the demo upstream repeats it in its answer. */
export const MESSAGES = [{ role: 'user' as const, content: 'Hello from a test' }]

/** Keystow in front of the built-in upstream, until the test has ended. */
export async function startKeystow({ env = {}, yaml }: KeystowOptions = {}): Promise<Keystow> {
  const demo = await startDemoUpstream({ credential: TEST_CREDENTIAL, paceMs: 0 })
  onTestFinished(() => demo.close())
  const gateway = await startGateway({
    upstream: demo.origin,
    env,
    ...(yaml === undefined ? {} : { yaml }),
  })
  return { gateway, demo }
}

/** The OpenAI SDK as a script would set it up, but for its retries, which tests turn on where they want them. */
export function createOpenAI(gateway: Gateway, options: ClientOptions = {}): OpenAI {
  return new OpenAI({
    baseURL: `${gateway.origin}/v1`,
    apiKey: gateway.token,
    maxRetries: 0,
    ...options,
  })
}

/** What a promise is rejected with; fails when it is not. */
export async function rejection(promise: PromiseLike<unknown>): Promise<unknown> {
  try {
    await promise
  } catch (error) {
    return error
  }
  throw new Error('it was not rejected')
}

/** The upstream's first request, once it is there. */
export function firstRequest(demo: DemoUpstream): Promise<ReceivedRequest> {
  return vi.waitFor(() => {
    const request = demo.received[0]
    if (request === undefined) throw new Error('the upstream has no request')
    return request
  }, WAIT)
}

/** The JSON body of a request as the upstream saw it. */
export function readBody({ body }: ReceivedRequest): Record<string, unknown> {
  const value: Record<string, unknown> = JSON.parse(body.toString())
  return value
}
