import { expect, it } from 'vitest'

import { startGateway } from '../helpers/gateway.ts'
import { readEntries } from '../helpers/ledger.ts'
import { micros, priceFile } from '../helpers/prices.ts'
import { startUpstream } from '../helpers/upstream.ts'

// The attack: a client with a budget sends its work to paths that nobody here has on a list, where the upstream does it
// all the same.

const WORD =
  'event: content_block_delta\ndata: {"type":"content_block_delta","delta":{"text":"words "}}\n\n'

it.each([
  '/v1/messages',
  '/v1/complete',
  '/v1/engines/both/completions',
  '/elsewhere/v1/messages',
  '/elsewhere/v1/chat/completions',
])('cuts an endless stream of %s when the budget is spent', async (path) => {
  const isChat = path.endsWith('/completions')
  const events = isChat
    ? 'data: {"choices":[{"text":"word","delta":{"content":"word"}}]}\n\n'
    : WORD
  const upstream = await startUpstream((_, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    const timer = setInterval(() => response.write(events.repeat(10)), 1)
    response.once('close', () => clearInterval(timer))
  })
  const gateway = await startGateway({
    upstream: upstream.origin,
    env: { BUDGET_PER_DAY: micros(1000), PRICING_FILE: priceFile() },
    yaml: 'routes: { elsewhere: { prefix: /elsewhere } }',
  })
  const text = 'hi '.repeat(100)
  const input = path.includes('chat') ? [{ role: 'user', content: text }] : text
  const ask = (): Promise<Response> =>
    gateway.fetch(path, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        model: 'both',
        [path.includes('chat') ? 'messages' : 'prompt']: input,
        stream: true,
      }),
    })
  const answer = await ask()
  expect(answer.status).toBe(200)
  await answer.text().catch(() => {})
  await upstream.received[0]?.closed

  const [entry] = await readEntries(gateway, 1)
  expect(entry).toMatchObject({ path, isEstimated: true })
  expect(entry?.inputTokens).toBeGreaterThanOrEqual(75)
  expect(entry?.costMicros).toBeGreaterThan(900)
  expect(entry?.costMicros).toBeLessThan(1010)
  expect((await ask()).status).toBe(429)
})

it('enters what another provider’s answer under a route says that it used', async () => {
  const upstream = await startUpstream((_, response) => {
    response.setHeader('content-type', 'application/json')
    response.end('{"choices":[],"usage":{"prompt_tokens":5,"completion_tokens":40}}')
  })
  const gateway = await startGateway({
    upstream: upstream.origin,
    env: { BUDGET_PER_DAY: micros(10_000), PRICING_FILE: priceFile() },
    yaml: 'routes: { elsewhere: { prefix: /elsewhere } }',
  })
  const answer = await gateway.fetch('/elsewhere/v1/chat/completions', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'both', messages: [] }),
  })
  await answer.text()
  const [entry] = await readEntries(gateway, 1)
  expect(entry).toMatchObject({
    inputTokens: 5,
    outputTokens: 40,
    costMicros: 45,
    isEstimated: false,
  })
})
