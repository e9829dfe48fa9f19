import { writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { expect, it, onTestFinished } from 'vitest'
import { z } from 'zod'

import { startDemoUpstream } from '../../src/demo/upstream.ts'
import { createFolder } from '../helpers/folder.ts'
import { TEST_CREDENTIAL, TEST_TOKEN } from '../helpers/gateway.ts'
import { listeningPort, startProcess } from '../helpers/process.ts'
import { reconcileEnv } from '../helpers/reconcile.ts'

// What the built-in upstream charges for calls of this size.
const PRICES = `currency: CNY
models:
  '*': { perCall: 0.01 }
  dall-e-*: { perCall: 0.02 }
  tts-*: { perCall: 0.05 }
  whisper-*: { perCall: 0.05 }
  '*-moderation-*': { perCall: 0 }
  mj: { perCall: 0.05 }
`

const sums = z.looseObject({ calls: z.number(), costMicros: z.record(z.string(), z.number()) })
const reportSchema = z.object({
  data: z.array(z.looseObject({ model: z.string(), ledger: sums, provider: sums })),
})

async function start() {
  const upstream = await startDemoUpstream({ credential: TEST_CREDENTIAL })
  onTestFinished(() => upstream.close())
  const PRICING_FILE = join(createFolder(), 'pricing.yaml')
  writeFileSync(PRICING_FILE, PRICES)
  const env = { ...reconcileEnv(upstream), PRICING_FILE }
  const origin = `http://127.0.0.1:${await listeningPort(startProcess({ env }))}`
  const authorization = `Bearer ${TEST_TOKEN}`
  const ask = async (path: string, body?: object | FormData): Promise<number> => {
    const isForm = body instanceof FormData
    const answer = await fetch(origin + path, {
      headers: { authorization, ...(isForm ? {} : { 'content-type': 'application/json' }) },
      ...(body && { method: 'POST', body: isForm ? body : JSON.stringify(body) }),
    })
    await answer.arrayBuffer()
    return answer.status
  }
  const report = async (...args: string[]): Promise<string> => {
    const command = startProcess({ env, args, script: 'src/cli/reconcile.ts' })
    expect({ code: await command.exited, stderr: command.stderr() }).toEqual({
      code: 0,
      stderr: '',
    })
    return command.stdout()
  }
  return { ask, report }
}

const messages = [{ role: 'user', content: '你好, world' }]

function sound(): FormData {
  const form = new FormData()
  form.append('model', 'whisper-1')
  form.append('file', new File([new Uint8Array(32_000)], 'a.wav', { type: 'audio/wav' }))
  return form
}

it('finds nothing on a day on which nothing differs', async () => {
  const { ask, report } = await start()
  const statuses = [
    await ask('/v1/chat/completions', { model: 'gpt-4o', messages }),
    await ask('/v1/chat/completions', { model: 'gpt-4o', stream: true, messages }),
    await ask('/v1/completions', { model: 'gpt-3.5-turbo-instruct', prompt: 'Say hi' }),
    await ask('/v1/responses', { model: 'gpt-4o', stream: true, input: 'Say hi' }),
    await ask('/v1/embeddings', { model: 'text-embedding-3-small', input: ['one', 'two'] }),
    await ask('/v1/images/generations', { model: 'dall-e-3', prompt: 'a cat' }),
    await ask('/v1/audio/speech', { model: 'tts-1', input: '你好 hello', voice: 'alloy' }),
    await ask('/v1/audio/transcriptions', sound()),
    await ask('/v1/moderations', { model: 'omni-moderation-latest', input: 'hello' }),
    await ask('/mj/submit/imagine', { prompt: 'a cat' }),
    await ask('/mj-fast/mj/submit/imagine', { prompt: 'a dog' }),
    await ask('/mj/task/list-by-condition', { ids: ['1'] }),
    await ask('/v1/models'),
    await ask('/v1/chat/completions', { model: 'demo-status-500', messages }),
    await ask('/v1/chat/completions', { model: 'gpt-4o', messages: 'none' }),
  ]
  expect(statuses.filter((status) => status === 200)).toHaveLength(13)

  await expect
    .poll(async () => reportSchema.parse(JSON.parse(await report('--json'))).data.length, {
      timeout: 10_000,
    })
    .toBe(7)
  const { data } = reportSchema.parse(JSON.parse(await report('--json')))
  for (const { model, ledger, provider } of data)
    expect({ model, ...ledger }).toEqual({ model, ...provider })
  expect(data.find(({ model }) => model === 'midjourney')?.ledger).toMatchObject({
    calls: 2,
    costMicros: { CNY: 100_000 },
  })
  const text = await report()
  expect(text).toContain(' CNY ')
  expect(text).not.toMatch(/[+/]|\(-/)
}, 60_000)
