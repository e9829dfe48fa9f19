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
  /** In millionths of a yuan; undefined when the log names no price. */
  readonly costMicros: number | undefined
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

/** The most that the provider hands out at once. */
const PAGE_SIZE = 300
const MAX_PAGES = 2000
const MAX_PAGE_BYTES = 16 * 1024 * 1024
const ANSWER_TIMEOUT_MS = 30_000

/** What it charges is in hundredths of a yuan. */
const MICROS_PER_FEN = 10_000

/** The provider writes numbers as texts. What was given back stands as less than nothing. */
const count = z.coerce.number().int().nonnegative()
const word = z.coerce.string().nullish()

const pageSchema = z.object({
  data: z.object({
    logs: z.array(
      z.object({
        id: z.coerce.string(),
        reqid: word,
        ctime: count,
        model: word,
        prompt_tokens: count.nullish(),
        completion_tokens: count.nullish(),
        fen: z.coerce.number().nullish(),
      }),
    ),
  }),
})

/** What it answers instead when it refuses. */
const refusalSchema = z.object({ error: z.coerce.number().refine((code) => code !== 0) })

interface Row extends BilledCall {
  readonly id: string
}

/** Reads the log that the provider keeps of a key's calls, page by page, each call once. */
export async function* readCallLog(options: CallLogOptions): AsyncGenerator<BilledCall> {
  const seen = new Set<string>()
  let start = 0
  for (let page = 0; page < MAX_PAGES; page++) {
    const rows = await readPage(options, start)
    // Calls that were made since the last page have moved all others behind them.
    const fresh = rows.filter(({ id }) => !seen.has(id))
    for (const { id, ...call } of fresh) {
      seen.add(id)
      yield call
    }
    const isLast = fresh.length === 0 || rows.length < PAGE_SIZE
    if (isLast || isPast(rows, options.from)) return
    start += rows.length
  }
  throw new CallLogError(
    `ACCOUNT_URL: the log at ${options.origin} has more than ${MAX_PAGES * PAGE_SIZE} calls since then; ask for fewer days with --from`,
  )
}

/** Whether what follows is older still. Which end of the log comes first is documented nowhere. */
function isPast(rows: readonly Row[], from: number): boolean {
  const [first, last] = [rows[0], rows.at(-1)]
  return first !== undefined && last !== undefined && first.at > last.at && last.at < from
}

async function readPage(options: CallLogOptions, start: number): Promise<Row[]> {
  const answer = await ask(options, start)
  const refusal = refusalSchema.safeParse(answer).data
  const where = `ACCOUNT_URL: ${options.origin}${PATH}`
  if (refusal !== undefined) {
    throw new CallLogError(
      `${where} answered with error ${refusal.error}; check that the key is one of this account`,
    )
  }
  const { data } = pageSchema.safeParse(answer).data ?? {}
  if (data === undefined) {
    throw new CallLogError(
      `${where} answered with something that is no log of calls; check that this is the provider's account host`,
    )
  }
  return data.logs.map((row) => ({
    id: row.id,
    requestId: row.reqid ?? '',
    at: row.ctime * 1000,
    model: row.model ?? '',
    inputTokens: row.prompt_tokens ?? 0,
    outputTokens: row.completion_tokens ?? 0,
    costMicros: row.fen == null ? undefined : Math.round(row.fen * MICROS_PER_FEN),
  }))
}

async function ask(
  { dispatcher, origin, credential }: CallLogOptions,
  start: number,
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
      body: JSON.stringify({ start, limit: PAGE_SIZE }),
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
