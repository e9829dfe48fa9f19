import { setTimeout as sleep } from 'node:timers/promises'

import { expect, it, onTestFinished } from 'vitest'
import { z } from 'zod'

import { type DemoUpstream, startDemoUpstream } from '../../src/demo/upstream.ts'
import { createFolder } from '../helpers/folder.ts'
import { TEST_CREDENTIAL, TEST_TOKEN } from '../helpers/gateway.ts'
import { listeningPort, startProcess } from '../helpers/process.ts'
import { reconcileEnv } from '../helpers/reconcile.ts'
import { startUpstream } from '../helpers/upstream.ts'

const ADMIN_TOKEN = 'test-admin-token-of-no-use-anywhere'

const sums = z.object({ calls: z.number(), inputTokens: z.number(), outputTokens: z.number() })
const reportSchema = z.object({
  data: z.array(
    z.object({
      model: z.string(),
      ledger: sums,
      provider: sums,
      corrected: z.number(),
      unmatched: z.number(),
    }),
  ),
})
const usageSchema = z.object({
  data: z.array(
    z.object({ requests: z.number(), estimated_requests: z.number(), output_tokens: z.number() }),
  ),
})

async function startDemo(): Promise<DemoUpstream> {
  const upstream = await startDemoUpstream({ credential: TEST_CREDENTIAL })
  onTestFinished(() => upstream.close())
  return upstream
}

/** A server with its ledger, and the command beside it. */
async function start(upstream: DemoUpstream) {
  const env = { ...reconcileEnv(upstream), ADMIN_TOKEN }
  const origin = `http://127.0.0.1:${await listeningPort(startProcess({ env }))}`
  return {
    env,
    chat: (stream: boolean): Promise<Response> =>
      fetch(`${origin}/v1/chat/completions`, {
        method: 'POST',
        headers: { authorization: `Bearer ${TEST_TOKEN}`, 'content-type': 'application/json' },
        body: JSON.stringify({
          model: 'gpt-4o',
          stream,
          messages: [{ role: 'user', content: 'Tell me everything there is to tell' }],
        }),
      }),
    usage: async () => {
      const headers = { authorization: `Bearer ${ADMIN_TOKEN}` }
      const answer = await fetch(`${origin}/admin/usage`, { headers })
      return usageSchema.parse(await answer.json()).data[0]
    },
    reconcile: async (...args: string[]) => {
      const command = startProcess({
        env,
        args: ['--json', ...args],
        script: 'src/cli/reconcile.ts',
      })
      expect({ code: await command.exited, stderr: command.stderr() }).toEqual({
        code: 0,
        stderr: '',
      })
      return reportSchema.parse(JSON.parse(command.stdout())).data
    },
  }
}

it('puts right what was estimated, once, beside the server that goes on', async () => {
  const upstream = await startDemo()
  const { chat, usage, reconcile } = await start(upstream)
  await (await chat(false)).text()
  const left = await chat(true)
  const reader = left.body?.getReader()
  await reader?.read()
  await reader?.cancel()
  await expect.poll(usage, { timeout: 5000 }).toMatchObject({ requests: 2, estimated_requests: 1 })
  await sleep(100)

  expect(await reconcile('--dry-run')).toMatchObject([{ corrected: 1, unmatched: 0 }])
  expect((await usage())?.estimated_requests).toBe(1)

  const [row] = await reconcile()
  expect(row).toMatchObject({ model: 'gpt-4o', corrected: 1, unmatched: 0 })
  expect(row?.ledger).toEqual(row?.provider)
  const billed = upstream.bill().reduce((sum, { outputTokens }) => sum + outputTokens, 0)
  await expect
    .poll(usage, { timeout: 5000 })
    .toMatchObject({ requests: 2, estimated_requests: 0, output_tokens: billed })

  expect(await reconcile()).toMatchObject([{ corrected: 0, unmatched: 0 }])
  expect(await usage()).toMatchObject({ requests: 2, output_tokens: billed })
})

it('says what is wrong when the log cannot be read, and never the key', async () => {
  const { env } = await start(await startDemo())
  const closed = await startUpstream((_, response) => response.writeHead(401).end('no'))
  const page = await startUpstream((_, response) => response.end('<html>a page</html>'))
  const cases: [string, RegExp, number][] = [
    [closed.origin, /ACCOUNT_URL: .* answered 401/, 1],
    [page.origin, /ACCOUNT_URL: .* no log of calls/, 1],
    ['http://127.0.0.1:9', /ACCOUNT_URL: .* cannot be read/, 1],
    ['http://account.example', /ACCOUNT_URL: /, 78],
  ]
  for (const [ACCOUNT_URL, message, code] of cases) {
    const command = startProcess({ env: { ...env, ACCOUNT_URL }, script: 'src/cli/reconcile.ts' })
    expect(await command.exited).toBe(code)
    expect(command.stderr()).toMatch(message)
    expect(command.stderr()).not.toContain(TEST_CREDENTIAL)
  }
})

it('asks for days that are days', async () => {
  const env = { UPSTREAM_API_KEY: TEST_CREDENTIAL, CLIENT_TOKENS: `alice:${TEST_TOKEN}` }
  for (const args of [['--from=yesterday'], ['--until=2026-11-24']]) {
    const command = startProcess({ env, args, script: 'src/cli/reconcile.ts' })
    expect(await command.exited).toBe(64)
  }
})

it('says that there is no ledger where there is none', async () => {
  const env = {
    UPSTREAM_API_KEY: TEST_CREDENTIAL,
    CLIENT_TOKENS: `alice:${TEST_TOKEN}`,
    DATA_DIR: createFolder(),
  }
  const command = startProcess({ env, script: 'src/cli/reconcile.ts' })
  expect(await command.exited).toBe(1)
  expect(command.stderr()).toContain('DATA_DIR: there is no ledger')
})
