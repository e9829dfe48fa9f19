/** Runs in the page: the SDKs as a browser app bundles them, and what its tests ask of them. */
import { createOpenAICompatible } from '@ai-sdk/openai-compatible'
import { APICallError, generateText, streamText } from 'ai'
import OpenAI, { type ClientOptions } from 'openai'

/** What a page knows of the server it calls. */
export interface Target {
  readonly baseURL: string
  readonly apiKey: string
}

/** What a page can read of an error; absent members were not readable. */
export interface Failure {
  readonly kind: string | undefined
  readonly message: string
  readonly status?: number | undefined
  readonly code?: string | null | undefined
  readonly requestId?: string | null | undefined
  readonly headers?: Readonly<Record<string, string>> | undefined
}

const FAILURE_CLASSES = {
  AuthenticationError: OpenAI.AuthenticationError,
  RateLimitError: OpenAI.RateLimitError,
  InternalServerError: OpenAI.InternalServerError,
  APIConnectionError: OpenAI.APIConnectionError,
  APIUserAbortError: OpenAI.APIUserAbortError,
  // Last, because the others are kinds of it.
  APIError: OpenAI.APIError,
}

const sdks = {
  openai: (target: Target, options: ClientOptions = {}) =>
    new OpenAI({ ...target, dangerouslyAllowBrowser: true, maxRetries: 0, ...options }),
  compatible: ({ baseURL, apiKey }: Target) =>
    createOpenAICompatible({ name: 'keystow', baseURL, apiKey }),
  generateText,
  streamText,
  async failure(promise: PromiseLike<unknown>): Promise<Failure> {
    try {
      await promise
    } catch (error) {
      return describeFailure(error)
    }
    throw new Error('it was not rejected')
  },
}

declare global {
  /** In the page only. */
  var pageSdks: typeof sdks
  /** In the page only: tells the test that a delta is there. */
  var sawDelta: () => Promise<void>
}

globalThis.pageSdks = sdks

function describeFailure(error: unknown): Failure {
  if (APICallError.isInstance(error)) {
    const { message, statusCode, responseHeaders } = error
    return { kind: 'APICallError', message, status: statusCode, headers: responseHeaders }
  }
  const kind = Object.entries(FAILURE_CLASSES).find(([, type]) => error instanceof type)?.[0]
  if (!(error instanceof OpenAI.APIError)) return { kind, message: String(error) }
  const { message, status, code, requestID, headers } = error
  const readable = headers === undefined ? undefined : Object.fromEntries(headers.entries())
  return { kind, message, status, code, requestId: requestID, headers: readable }
}
