import { expect, it, onTestFinished } from 'vitest'

import { startDemoUpstream } from '../../src/demo/upstream.ts'
import { TEST_CREDENTIAL, TEST_TOKEN } from '../helpers/gateway.ts'
import { listeningPort, startProcess } from '../helpers/process.ts'
import { reconcileEnv } from '../helpers/reconcile.ts'
import { freePort, redisServer, startRedis } from '../helpers/redis.ts'

const SCRIPT = 'src/cli/reconcile.ts'

async function start(redisUrl: string) {
  const upstream = await startDemoUpstream({ credential: TEST_CREDENTIAL })
  onTestFinished(() => upstream.close())
  return { env: { ...reconcileEnv(upstream), REDIS_URL: redisUrl }, upstream }
}

it.skipIf(redisServer === undefined)(
  'puts right once what is estimated in Redis',
  async () => {
    const { env, upstream } = await start((await startRedis()).url)
    const origin = `http://127.0.0.1:${await listeningPort(startProcess({ env }))}`
    const answer = await fetch(`${origin}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${TEST_TOKEN}`, 'content-type': 'application/json' },
      body: JSON.stringify({
        model: 'gpt-4o',
        stream: true,
        messages: [{ role: 'user', content: 'Tell me everything there is to tell' }],
      }),
    })
    const reader = answer.body?.getReader()
    await reader?.read()
    await reader?.cancel()
    await expect.poll(() => upstream.bill()[0]?.outcome, { timeout: 5000 }).toBe('aborted')

    const reconcile = async (...args: string[]): Promise<unknown> => {
      const command = startProcess({ env, args: ['--json', ...args], script: SCRIPT })
      const code = await command.exited
      expect({ code, stderr: command.stderr() }).toEqual({ code: 0, stderr: '' })
      return JSON.parse(command.stdout())
    }
    await expect
      .poll(() => reconcile('--dry-run'), { timeout: 15_000 })
      .toMatchObject({ data: [{ corrected: 1, unmatched: 0 }] })
    expect(await reconcile()).toMatchObject({ data: [{ corrected: 1, unmatched: 0 }] })
    expect(await reconcile()).toMatchObject({ data: [{ corrected: 0, unmatched: 0 }] })
  },
  60_000,
)

it('says that Redis is away', async () => {
  const { env } = await start(`redis://127.0.0.1:${await freePort()}`)
  const command = startProcess({ env, script: SCRIPT })
  expect(await command.exited).toBe(1)
  expect(command.stderr()).toMatch(/^REDIS_URL: Redis does not answer; check/)
}, 30_000)
