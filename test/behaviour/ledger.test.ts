import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { z } from 'zod'

import { startDemoUpstream } from '../../src/demo/upstream.ts'
import type { LedgerEntry } from '../../src/usage/ledger-entry.ts'
import { type Gateway, startGateway, TEST_CREDENTIAL } from '../helpers/gateway.ts'

const answerSchema = z.object({
  usage: z.object({ prompt_tokens: z.number(), completion_tokens: z.number() }),
})

const MESSAGES = [{ role: 'user', content: 'What is a proxy?' }]

async function start(): Promise<Gateway> {
  const upstream = await startDemoUpstream({ credential: TEST_CREDENTIAL })
  onTestFinished(() => upstream.close())
  return startGateway({ upstream: upstream.origin })
}

const post = (gateway: Gateway, body: object, path = '/v1/chat/completions'): Promise<Response> =>
  gateway.fetch(path, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })

async function readEntries({ ledger }: Gateway, count = 1) {
  return vi.waitFor(async () => {
    const entries: LedgerEntry[] = []
    for await (const entry of ledger.entries({ from: 0, to: Date.now() + 1000 }))
      entries.push(entry)
    expect(entries).toHaveLength(count)
    return entries
  }, 5000)
}

describe('the ledger', () => {
  it('has one entry for an answer, with its usage and its cost', async () => {
    const gateway = await start()
    const answer = await post(gateway, { model: 'gpt-4o-mini', messages: MESSAGES })
    const { usage } = answerSchema.parse(await answer.json())
    const [entry] = await readEntries(gateway)
    expect(entry).toMatchObject({
      id: answer.headers.get('x-request-id'),
      clientId: 'alice',
      model: 'gpt-4o-mini',
      path: '/v1/chat/completions',
      status: 200,
      ending: 'completed',
      isEstimated: false,
      currency: 'USD',
      inputTokens: usage.prompt_tokens,
      outputTokens: usage.completion_tokens,
    })
    expect(entry?.costMicros).toBeGreaterThan(0)
  })

  it('meters a stream exactly, and keeps the usage from a client that did not ask', async () => {
    const gateway = await start()
    const answer = await post(gateway, { model: 'gpt-4o-mini', stream: true, messages: MESSAGES })
    const text = await answer.text()
    expect(text).toContain('data: [DONE]')
    expect(text).not.toContain('prompt_tokens')
    const [entry] = await readEntries(gateway)
    expect(entry).toMatchObject({ isEstimated: false, ending: 'completed' })
    expect(entry?.outputTokens).toBeGreaterThan(0)
  })

  it('shows its usage to a client that asked', async () => {
    const gateway = await start()
    const answer = await post(gateway, {
      model: 'gpt-4o-mini',
      stream: true,
      stream_options: { include_usage: true },
      messages: MESSAGES,
    })
    expect(await answer.text()).toContain('prompt_tokens')
  })

  it('enters a call that never reached the upstream as refused, at no cost', async () => {
    const gateway = await startGateway({ upstream: 'http://127.0.0.1:9' })
    const answer = await post(gateway, { model: 'gpt-4o-mini', messages: MESSAGES })
    expect(answer.status).toBe(502)
    const [entry] = await readEntries(gateway)
    expect(entry).toMatchObject({ ending: 'refused', costMicros: 0, status: 502 })
  })
})
