import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

import type { BillEntry } from '../src/demo/bill.ts'
import { type DemoUpstream, startDemoUpstream } from '../src/demo/upstream.ts'
import { attachSqliteLedger } from '../src/stores/sqlite-ledger/attach.ts'
import type { LedgerEntry } from '../src/usage/ledger-entry.ts'
import { createRandom } from '../test/helpers/random.ts'

const SERVER = fileURLToPath(new URL('../src/server.ts', import.meta.url))
const CREDENTIAL = 'hk-test-the-key-of-the-billing-benchmark'
const TOKEN = 'ks-test-billing'

/** Between events of the upstream; fast, and slow enough for a client to leave in the middle. */
const PACE_MS = 2
const MOST_AT_ONCE = 40
const READY = /listening at (http:\/\/[^"]+)/

export interface BillingPlan {
  readonly requests: number
  /** Of them, streams whose clients leave at a random point. */
  readonly aborted: number
  readonly seed: number
}

/** The ledger beside the upstream's own bill. */
export interface BillingResult {
  readonly requests: number
  /** Entries that say they are exact, and those of them that differ from the bill in any number. */
  readonly exact: number
  readonly wrong: readonly string[]
  readonly estimated: number
  /** Estimated entries of requests whose clients stayed. */
  readonly estimatedOfStayed: number
  /** Tokens of the estimated entries, by the ledger and by the bill. */
  readonly estimatedTokens: number
  readonly billedTokens: number
  /** Entries without a line in the bill, and the other way round. */
  readonly unmatched: number
}

/** Sends mixed requests through a real Keystow to the built-in upstream, and compares their books. */
export async function measureBilling(plan: BillingPlan): Promise<BillingResult> {
  const folder = mkdtempSync(join(tmpdir(), 'keystow-billing-'))
  const upstream = await startDemoUpstream({ credential: CREDENTIAL, paceMs: PACE_MS })
  const server = spawn(process.execPath, [SERVER], {
    cwd: folder,
    env: {
      PATH: process.env['PATH'] ?? '',
      UPSTREAM_URL: upstream.origin,
      UPSTREAM_API_KEY: CREDENTIAL,
      CLIENT_TOKENS: `bench:${TOKEN}`,
      DATA_DIR: folder,
      PORT: '0',
      RATE_LIMIT_PER_MINUTE: '0',
      CONCURRENCY_LIMIT: '0',
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const ended = new Promise<void>((resolve) => server.once('exit', () => resolve()))
  try {
    const origin = await new Promise<string>((resolve, reject) => {
      server.stdout.on('data', (chunk: Buffer) => {
        const found = READY.exec(chunk.toString())?.[1]
        if (found !== undefined) resolve(found)
      })
      void ended.then(() => reject(new Error('Keystow ended')))
    })
    const left = await sendAll(origin, plan)
    server.kill('SIGTERM')
    await ended
    return compare(await readEntries(folder), upstream, left)
  } finally {
    server.kill('SIGKILL')
    await ended
    await upstream.close()
    rmSync(folder, { recursive: true, force: true })
  }
}

const CHAT = '/v1/chat/completions'

/** Texts of different lengths, in two languages. */
const ASKED = [
  'Hello',
  'Why is the sky blue? Say it in a poem.',
  '你好，给我讲一个故事。'.repeat(5),
]

/** Sends everything; returns the ids of the requests whose clients left. */
async function sendAll(origin: string, { requests, aborted, seed }: BillingPlan) {
  const random = createRandom(seed)
  const left = new Set<string>()
  const plans = Array.from({ length: requests }, (_, index) => ({
    isAborted:
      Math.floor(((index + 1) * aborted) / requests) > Math.floor((index * aborted) / requests),
    kind: Math.floor(random() * 5),
    content: ASKED[Math.floor(random() * ASKED.length)] ?? '',
    chunks: 1 + Math.floor(random() * 30),
  }))

  async function post(path: string, body: object, signal?: AbortSignal): Promise<Response> {
    const answer = await fetch(origin + path, {
      method: 'POST',
      headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
      ...(signal !== undefined && { signal }),
    })
    if (answer.status !== 200) throw new Error(`${path}: ${answer.status}`)
    return answer
  }

  async function leave(content: string, chunks: number): Promise<void> {
    const controller = new AbortController()
    const messages = [{ role: 'user', content }]
    const answer = await post(CHAT, { model: 'gpt-4o', stream: true, messages }, controller.signal)
    const reader = answer.body?.getReader()
    for (let read = 0; read < chunks; read++) if ((await reader?.read())?.done === true) return
    left.add(answer.headers.get('x-request-id') ?? '')
    controller.abort()
  }

  async function send({ isAborted, kind, content, chunks }: (typeof plans)[number]): Promise<void> {
    const messages = [{ role: 'user', content }]
    if (isAborted) return leave(content, chunks)
    const answer = await [
      () => post(CHAT, { model: 'gpt-4o-mini', messages }),
      () => post(CHAT, { model: 'gpt-4o', stream: true, messages }),
      () => post('/v1/responses', { model: 'gpt-4.1', stream: true, input: content }),
      () => post('/v1/embeddings', { model: 'text-embedding-3-small', input: content }),
      () => post('/v1/images/generations', { model: 'dall-e-3', prompt: content }),
    ][kind]?.()
    await answer?.text()
  }

  const queue = plans.values()
  async function work(): Promise<void> {
    for (const plan of queue) await send(plan)
  }
  await Promise.all(Array.from({ length: MOST_AT_ONCE }, work))
  return left
}

async function readEntries(folder: string): Promise<LedgerEntry[]> {
  const ledger = attachSqliteLedger({ folder, timeZone: 'UTC' })
  const entries: LedgerEntry[] = []
  for await (const entry of ledger.entries({ from: 0, to: Date.now() + 1000 })) entries.push(entry)
  await ledger.close()
  return entries
}

function compare(
  entries: readonly LedgerEntry[],
  upstream: DemoUpstream,
  left: ReadonlySet<string>,
): BillingResult {
  const bill = new Map(upstream.bill().map((line) => [line.requestId, line]))
  const matched = entries.flatMap((entry) => {
    const line = bill.get(entry.upstreamRequestId ?? '')
    return line === undefined ? [] : [{ entry, line }]
  })
  const exact = matched.filter(({ entry }) => !entry.isEstimated)
  const estimated = matched.filter(({ entry }) => entry.isEstimated)
  const tokensOf = ({ inputTokens, outputTokens }: LedgerEntry | BillEntry): number =>
    inputTokens + outputTokens
  const sum = (numbers: readonly number[]): number => numbers.reduce((all, each) => all + each, 0)
  return {
    requests: entries.length,
    exact: exact.length,
    wrong: exact.flatMap(({ entry, line }) => differenceOf(entry, line)),
    estimated: estimated.length,
    estimatedOfStayed: estimated.filter(({ entry }) => !left.has(entry.id)).length,
    estimatedTokens: sum(estimated.map(({ entry }) => tokensOf(entry))),
    billedTokens: sum(estimated.map(({ line }) => tokensOf(line))),
    unmatched: entries.length - matched.length + (bill.size - matched.length),
  }
}

const COMPARED = [
  'inputTokens',
  'cachedTokens',
  'outputTokens',
  'reasoningTokens',
  'images',
] as const

function differenceOf(entry: LedgerEntry, line: BillEntry): string[] {
  return COMPARED.filter((name) => entry[name] !== line[name]).map(
    (name) => `${entry.path} ${entry.id}: ${name} ${entry[name]} instead of ${line[name]}`,
  )
}

/** The most that the sum of all estimates may be off. */
export const MAX_ESTIMATE_ERROR = 0.15

export const estimateError = ({ estimatedTokens, billedTokens }: BillingResult): number =>
  billedTokens === 0 ? 0 : estimatedTokens / billedTokens - 1

/** Prints the comparison; false when the ledger is not what it says it is. */
export async function runBilling(plan: BillingPlan): Promise<boolean> {
  const result = await measureBilling(plan)
  const error = estimateError(result)
  const lines = [
    `${result.requests} requests of seed ${plan.seed}, ${plan.aborted} of them streams whose clients left`,
    `exact: ${result.exact}, of which ${result.wrong.length} numbers differ from the upstream's bill`,
    `estimated: ${result.estimated}, together ${(100 * error).toFixed(1)} % off; of clients that stayed: ${result.estimatedOfStayed}`,
    `without a line in the other book: ${result.unmatched}`,
    ...result.wrong.slice(0, 10),
  ]
  process.stdout.write(lines.map((line) => `${line}\n`).join(''))
  return isRight(result)
}

export const isRight = (result: BillingResult): boolean =>
  result.wrong.length === 0 &&
  result.unmatched === 0 &&
  result.estimatedOfStayed === 0 &&
  Math.abs(estimateError(result)) <= MAX_ESTIMATE_ERROR
