import type { Dispatcher } from 'undici'
import { z } from 'zod'

import type { Secret } from '../secret.ts'

/** A call as the provider has billed it. */
export interface BilledCall {
  /** The one it answered the call with. */
  readonly requestId: string
  /** Milliseconds since 1970. */
  readonly at: number
  readonly model: string
  readonly inputTokens: number
  readonly outputTokens: number
}

/** The provider's log could not be read. */
export class CallLogError extends Error {
  override readonly name = 'CallLogError'
}

interface CallLogOptions {
  readonly dispatcher: Dispatcher
  /** The host of the provider's account pages. */
  readonly origin: string
  readonly credential: Secret
  /** Milliseconds since 1970: older calls are not asked for. */
  readonly from: number
}

const PATH = '/openai/sk/log'
const PAGE_SIZE = 1000
const MAX_PAGES = 1000
const MAX_PAGE_BYTES = 16 * 1024 * 1024
const ANSWER_TIMEOUT_MS = 30_000

const count = z.coerce.number().int().nonnegative()

const pageSchema = z.object({
  data: z.object({
    list: z.array(
      z.object({
        request_id: z.string(),
        ctime: z.coerce.number(),
        model: z.string(),
        prompt_tokens: count,
        completion_tokens: count,
      }),
    ),
  }),
})

/** Reads the log that the provider keeps of a key's calls, newest first, page by page. */
export async function* readCallLog(options: CallLogOptions): AsyncGenerator<BilledCall> {
  const seen = new Set<string>()
  for (let page = 1; page <= MAX_PAGES; page++) {
    const calls = await readPage(options, page)
    const fresh = calls.filter(({ requestId }) => !seen.has(requestId))
    for (const call of fresh) {
      seen.add(call.requestId)
      yield call
    }
    // A provider that knows no pages answers with the same one again.
    const isLast = fresh.length === 0 || calls.length < PAGE_SIZE
    if (isLast || calls.some(({ at }) => at < options.from)) return
  }
}

async function readPage(options: CallLogOptions, page: number): Promise<BilledCall[]> {
  const { data } = pageSchema.safeParse(await ask(options, page)).data ?? {}
  if (data === undefined) {
    throw new CallLogError(
      `ACCOUNT_URL: ${options.origin}${PATH} answered with something that is no log of calls; check that this is the provider's account host`,
    )
  }
  return data.list.map((call) => ({
    requestId: call.request_id,
    at: call.ctime * 1000,
    model: call.model,
    inputTokens: call.prompt_tokens,
    outputTokens: call.completion_tokens,
  }))
}

async function ask(
  { dispatcher, origin, credential }: CallLogOptions,
  page: number,
): Promise<unknown> {
  try {
    const { statusCode, body } = await dispatcher.request({
      origin,
      path: PATH,
      method: 'POST',
      headers: {
        authorization: `Bearer ${credential.reveal()}`,
        'content-type': 'application/json',
        accept: 'application/json',
      },
      body: JSON.stringify({ page, pageSize: PAGE_SIZE }),
      signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS),
    })
    if (statusCode !== 200) {
      body.destroy()
      throw new CallLogError(`ACCOUNT_URL: ${origin}${PATH} answered ${statusCode}`)
    }
    return parse(await readBounded(body))
  } catch (error) {
    if (error instanceof CallLogError) throw error
    const reason = error instanceof Error ? error.message : String(error)
    throw new CallLogError(`ACCOUNT_URL: ${origin} cannot be read (${reason})`, { cause: error })
  }
}

async function readBounded(body: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of body) {
    bytes += chunk.length
    if (bytes > MAX_PAGE_BYTES) throw new Error('a page of it is larger than 16 MiB')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString()
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
