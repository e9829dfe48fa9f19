import { expect, it, onTestFinished } from 'vitest'

import { startDemoUpstream } from '../../src/demo/upstream.ts'
import type { LedgerEntry } from '../../src/usage/ledger-entry.ts'
import { type Gateway, startGateway, TEST_CREDENTIAL } from '../helpers/gateway.ts'
import { readEntries } from '../helpers/ledger.ts'
import { priceFile } from '../helpers/prices.ts'

// Every kind of call, from a client with a budget, leaves one entry with what it used and what that costs.

async function start(env: Readonly<Record<string, string>>) {
  const upstream = await startDemoUpstream({ credential: TEST_CREDENTIAL, paceMs: 0 })
  onTestFinished(() => upstream.close())
  const gateway = await startGateway({
    upstream: upstream.origin,
    env: { PRICING_FILE: priceFile(), ...env },
  })
  return { upstream, gateway }
}

const post = (gateway: Gateway, path: string, body: object): Promise<Response> =>
  gateway.fetch(path, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })

/** Sends it, and returns its entry and what the upstream billed. */
async function runOne(
  send: (gateway: Gateway) => Promise<Response>,
  env: Readonly<Record<string, string>> = { BUDGET_PER_DAY: '1' },
) {
  const { upstream, gateway } = await start(env)
  const answer = await send(gateway)
  await answer.arrayBuffer()
  expect(answer.status).toBe(200)
  const [entry] = await readEntries(gateway, 1)
  return { entry, billed: upstream.bill().at(-1) }
}

const TALK = { model: 'both', messages: [{ role: 'user', content: '你好, who are you?' }] }

interface Kind {
  readonly path: string
  readonly body: object
}

it.each<Kind>([
  { path: '/v1/chat/completions', body: TALK },
  { path: '/v1/chat/completions', body: { ...TALK, stream: true, n: 2 } },
  { path: '/v1/completions', body: { model: 'both', prompt: 'hi', stream: true } },
  { path: '/v1/responses', body: { model: 'both', input: 'hi', stream: true } },
  { path: '/v1/embeddings', body: { model: 'by-input', input: ['one text', '另一个'] } },
])('enters $path as the upstream bills it: $body', async ({ path, body }) => {
  const { entry, billed } = await runOne((gateway) => post(gateway, path, body))
  expect(entry).toMatchObject({
    path,
    isEstimated: false,
    ending: 'completed',
    inputTokens: billed?.inputTokens,
    outputTokens: billed?.outputTokens,
    costMicros: (billed?.inputTokens ?? 0) + (billed?.outputTokens ?? 0),
  })
  expect(entry?.costMicros).toBeGreaterThan(0)
})

it('enters images by their number', async () => {
  const { entry, billed } = await runOne((gateway) =>
    post(gateway, '/v1/images/generations', { model: 'picture', prompt: '山水', n: 3 }),
  )
  expect(billed?.images).toBe(3)
  expect(entry).toMatchObject({ images: 3, costMicros: 90, isEstimated: false })
})

function soundForm(model = 'whisper-1'): FormData {
  const form = new FormData()
  form.set('file', new File([Buffer.alloc(64_000)], 'sound.wav', { type: 'audio/wav' }))
  form.set('model', model)
  return form
}

const upload = (gateway: Gateway, model: string): Promise<Response> =>
  gateway.fetch('/v1/audio/transcriptions', { method: 'POST', body: soundForm(model) })

it.each([{ BUDGET_PER_DAY: '1' }, { QUOTA_PER_DAY: '5' }])(
  'enters an upload of sound with its model and its cost: %o',
  async (env) => {
    const { entry, billed } = await runOne((gateway) => upload(gateway, 'whisper-1'), env)
    expect(entry).toMatchObject({ model: 'whisper-1', path: '/v1/audio/transcriptions' })
    expect(entry).toMatchObject({ isEstimated: false, audioMs: (billed?.audioSeconds ?? 0) * 1000 })
    expectSeconds(entry)
  },
)

it('enters an upload of sound by tokens where the model is billed by them', async () => {
  const { entry, billed } = await runOne((gateway) => upload(gateway, 'both'))
  const { inputTokens = 0, outputTokens = 0 } = billed ?? {}
  expect(entry).toMatchObject({ inputTokens, outputTokens, costMicros: inputTokens + outputTokens })
})

it('enters speech by its length', async () => {
  const { entry } = await runOne((gateway) =>
    post(gateway, '/v1/audio/speech', { model: 'by-second', input: '你好，世界', voice: 'alloy' }),
  )
  expect(entry).toMatchObject({ characters: 5, isEstimated: false })
  expectSeconds(entry)
})

function expectSeconds(entry: LedgerEntry | undefined): void {
  expect(entry?.audioMs).toBeGreaterThan(0)
  expect(entry?.costMicros).toBe(Math.ceil((entry?.audioMs ?? 0) / 100))
}

it('enters a task that begins by the call, and asking for it at no cost', async () => {
  const { gateway } = await start({ BUDGET_PER_DAY: '1' })
  await (await post(gateway, '/mj/submit/imagine', { prompt: '山水' })).text()
  await (await gateway.fetch('/mj/task/17320000000000000001/fetch')).text()
  const entries = await readEntries(gateway, 2)
  const costOf = (path: string): LedgerEntry | undefined =>
    entries.find((entry) => entry.path.includes(path))
  expect(costOf('submit')).toMatchObject({ costMicros: 50, isEstimated: false })
  expect(costOf('fetch')).toMatchObject({ costMicros: 0, isEstimated: false })
})

it('refuses an upload whose model cannot be read, or has no price', async () => {
  const { gateway, upstream } = await start({ BUDGET_PER_DAY: '1' })
  const form = soundForm()
  form.set('model', 'unheard-of')
  const answer = await gateway.fetch('/v1/audio/transcriptions', { method: 'POST', body: form })
  expect(answer.status).toBe(403)
  expect(await answer.text()).toContain('unheard-of')
  form.append('model', 'whisper-1')
  const twice = await gateway.fetch('/v1/audio/transcriptions', { method: 'POST', body: form })
  expect(twice.status).toBe(400)
  expect(upstream.received).toHaveLength(0)
})
