import { expect, it, onTestFinished, vi } from 'vitest'

import { startDemoUpstream } from '../../src/demo/upstream.ts'
import { attachSqliteLedger } from '../../src/stores/sqlite-ledger/attach.ts'
import { createFolder } from '../helpers/folder.ts'
import { TEST_CREDENTIAL } from '../helpers/gateway.ts'
import { readEntries } from '../helpers/ledger.ts'
import { micros, priceFile } from '../helpers/prices.ts'
import { type KeystowProcess, listeningPort, startProcess } from '../helpers/process.ts'
import { startUpstream } from '../helpers/upstream.ts'

// A process that is killed while it streams has said nothing of what the stream used. The next one finds it, enters it
// as estimated, and charges it to the budget.

const ask = (port: number, body: object): Promise<Response> =>
  fetch(`http://127.0.0.1:${port}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: 'Bearer ks-test-alice' },
    body: JSON.stringify({ messages: [{ role: 'user', content: 'hi' }], ...body }),
  })

/** Of a process whose ledger outlives it in the folder. */
const envOf = (upstream: { readonly origin: string }, folder: string) => ({
  UPSTREAM_URL: upstream.origin,
  UPSTREAM_API_KEY: TEST_CREDENTIAL,
  CLIENT_TOKENS: 'alice:ks-test-alice',
  PORT: '0',
  DATA_DIR: folder,
  PRICING_FILE: priceFile(),
})

it('enters and charges at the next start what a killed process was streaming', async () => {
  const upstream = await startDemoUpstream({ credential: TEST_CREDENTIAL })
  const folder = createFolder()
  const start = (): KeystowProcess =>
    startProcess({ env: { ...envOf(upstream, folder), BUDGET_PER_DAY: micros(264) } })
  try {
    const first = start()
    const port = await listeningPort(first)
    const answer = await ask(port, { model: 'demo-pace-10', stream: true })
    const reader = answer.body?.getReader()
    for (let chunks = 0; chunks < 20; chunks++) await reader?.read()
    first.child.kill('SIGKILL')
    await first.exited

    const second = start()
    const nextPort = await listeningPort(second)
    await second.waitFor('entered as estimated')
    const ledger = attachSqliteLedger({ folder, timeZone: 'UTC' })
    const [entry] = await readEntries({ ledger }, 1)
    await ledger.close()
    expect(entry).toMatchObject({ ending: 'lost', isEstimated: true, clientId: 'alice' })
    expect(entry?.costMicros).toBeGreaterThan(0)
    // Less than an input and a step of output are left of 264 now, as it would be if nobody had been killed.
    expect((await ask(nextPort, { model: 'demo-fast' })).status).toBe(429)
    expect((await ask(nextPort, { model: 'demo-fast', max_tokens: 5 })).status).toBe(200)
  } finally {
    await upstream.close()
  }
})

const WORD = 'data: {"choices":[{"index":0,"delta":{"content":"word "},"finish_reason":null}]}\n\n'

/** An upstream that streams words for ever, or else never answers. */
const startEndless = () =>
  startUpstream(({ body }, response) => {
    if (!body.includes('"stream":true')) return
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    const timer = setInterval(() => response.write(WORD), 10)
    response.once('close', () => clearInterval(timer))
  })

/** Kills a process when both of its requests have come to the upstream, and so much of the one that streams has come. */
async function killBusy(workers: string, bytes: number) {
  const upstream = await startEndless()
  const folder = createFolder()
  const env = { ...envOf(upstream, folder), BUDGET_PER_DAY: '1', WORKERS: workers }
  const first = startProcess({ env })
  const port = await listeningPort(first)
  let forwarded = 0
  const read = async (): Promise<void> => {
    const answer = await ask(port, { model: 'both', stream: true })
    for await (const chunk of answer.body ?? []) forwarded += chunk.length
  }
  const ends = [read(), ask(port, { model: 'both' })].map((end) => end.catch(() => {}))
  await vi.waitFor(
    () => {
      expect(upstream.received).toHaveLength(2)
      expect(forwarded).toBeGreaterThanOrEqual(bytes)
    },
    { timeout: 20_000, interval: 5 },
  )
  first.child.kill('SIGKILL')
  await first.exited
  await Promise.all(ends)

  await startProcess({ env: { ...env, WORKERS: '1' } }).waitFor('entered as estimated')
  const ledger = attachSqliteLedger({ folder, timeZone: 'UTC' })
  onTestFinished(() => ledger.close())
  const entries = await readEntries({ ledger }, 2)
  return { entries, words: forwarded / WORD.length }
}

it.each(['1', '2'])(
  'enters what had just gone out with its input, of %s workers',
  async (workers) => {
    const { entries } = await killBusy(workers, 0)
    for (const { ending, inputTokens, costMicros = 0 } of entries) {
      expect({ ending, inputTokens }).toEqual({ ending: 'lost', inputTokens: 5 })
      expect(costMicros).toBeGreaterThanOrEqual(5)
    }
  },
)

it.each(['1', '2'])('enters what a stream had said by then, of %s workers', async (workers) => {
  const { entries, words } = await killBusy(workers, 300 * WORD.length)
  const most = Math.max(...entries.map(({ outputTokens }) => outputTokens))
  expect(most).toBeLessThanOrEqual(1.5 * words)
  expect(most).toBeGreaterThan(0.5 * words)
})
