import { Agent } from 'undici'
import { expect, it, onTestFinished } from 'vitest'
import { z } from 'zod'

import { connectionOptions } from '../../src/proxy/upstream-connection.ts'
import { type BilledCall, readCallLog } from '../../src/reconcile/call-log.ts'
import { createSecret } from '../../src/secret.ts'
import { startUpstream } from '../helpers/upstream.ts'

const SECONDS = 1_703_405_714
const LIMIT = 300

const askedSchema = z.strictObject({ start: z.int(), limit: z.int() })

/** A record as the provider's documentation shows it: every value is a text. */
const record = (id: number) => ({
  id: String(id),
  user_id: '9',
  ctime: String(SECONDS + id),
  prompt_tokens: '59',
  completion_tokens: '11',
  fen: '3',
  model: 'gpt-3.5-turbo',
  yufen: '141434',
  reqid: `vS0cNCTLSlXej4w${id}`,
  ip: '203.0.113.7',
  note: '',
})

interface Page {
  readonly start: number
  readonly limit: number
}

/** An account host that answers each question as `answer` does, and what it was asked. */
async function startAccount(answer: (page: Page, question: number) => object) {
  const asked: Page[] = []
  const { origin } = await startUpstream(({ body }, response) => {
    const page = askedSchema.parse(JSON.parse(body.toString()))
    asked.push(page)
    response.setHeader('content-type', 'text/html; charset=utf-8')
    response.end(JSON.stringify(answer(page, asked.length)))
  })
  return { origin, asked }
}

async function readAll(origin: string, from = 0): Promise<BilledCall[]> {
  const limits = { connectTimeoutMs: 1000, headerLimitBytes: 16_384 }
  const dispatcher = new Agent({ connections: 1, ...connectionOptions(limits) })
  onTestFinished(() => dispatcher.destroy())
  const credential = createSecret('hk-test-the-key-of-the-log')
  const calls: BilledCall[] = []
  for await (const call of readCallLog({ dispatcher, origin, credential, from })) calls.push(call)
  return calls
}

const logs = (records: readonly object[]) => ({ data: { logs: records }, error: 0, error_des: '' })

const newestFirst = (count: number) =>
  Array.from({ length: count }, (_, index) => record(count - index))

it('reads the log as the provider documents it', async () => {
  const { origin, asked } = await startAccount(() => logs([record(7)]))
  expect(await readAll(origin)).toEqual([
    {
      requestId: 'vS0cNCTLSlXej4w7',
      at: (SECONDS + 7) * 1000,
      model: 'gpt-3.5-turbo',
      inputTokens: 59,
      outputTokens: 11,
      costMicros: 30_000,
    },
  ])
  expect(asked).toEqual([{ start: 0, limit: LIMIT }])
})

it('reads a log without prices', async () => {
  const { fen: _, ...unpriced } = record(7)
  const { origin } = await startAccount(() => logs([unpriced]))
  expect(await readAll(origin)).toMatchObject([{ outputTokens: 11, costMicros: undefined }])
})

it.each([
  ['no id', { reqid: null, model: undefined }, { requestId: '', model: '' }],
  ['an id that is a number', { reqid: 12 }, { requestId: '12' }],
  ['what was given back', { fen: '-3' }, { costMicros: -30_000 }],
  ['no price', { fen: null }, { costMicros: undefined }],
  ['no tokens', { prompt_tokens: undefined, completion_tokens: '' }, { outputTokens: 0 }],
])('reads on past a call that has %s', async (_what, fields, expected) => {
  const { origin } = await startAccount(() => logs([{ ...record(2), ...fields }, record(1)]))
  const calls = await readAll(origin)
  expect(calls).toHaveLength(2)
  expect(calls[0]).toMatchObject(expected)
})

it('reads each call once while the log grows', async () => {
  const all = newestFirst(700)
  const { origin } = await startAccount(({ start, limit }, question) => {
    const grown = [...newestFirst(700 + question - 1).slice(0, question - 1), ...all]
    return logs(grown.slice(start, start + limit))
  })
  const ids = (await readAll(origin)).map(({ requestId }) => requestId)
  expect(ids).toEqual(all.map(({ reqid }) => reqid))
})

it('stops at what is older than it was asked for', async () => {
  const all = newestFirst(900)
  const { origin, asked } = await startAccount(({ start, limit }) =>
    logs(all.slice(start, start + limit)),
  )
  await readAll(origin, (SECONDS + 650) * 1000)
  expect(asked.map(({ start }) => start)).toEqual([0])
})

it('reads on through a log that begins with the oldest', async () => {
  const all = newestFirst(400).toReversed()
  const { origin } = await startAccount(({ start, limit }) => logs(all.slice(start, start + limit)))
  expect(await readAll(origin, (SECONDS + 350) * 1000)).toHaveLength(400)
})

it('reads no log of a host that repeats itself for ever', async () => {
  const { origin, asked } = await startAccount(() => logs(newestFirst(LIMIT)))
  expect(await readAll(origin)).toHaveLength(LIMIT)
  expect(asked).toHaveLength(2)
})

it('says so when the provider refuses', async () => {
  const { origin } = await startAccount(() => ({ data: [], error: 304, error_des: 'no such key' }))
  await expect(readAll(origin)).rejects.toThrow(/ACCOUNT_URL: .* error 304; check that the key/)
})
