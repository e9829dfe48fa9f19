import { expect, it } from 'vitest'

import { startGateway } from '../helpers/gateway.ts'
import { redisServer, startRedis } from '../helpers/redis.ts'

const UPSTREAM = 'http://127.0.0.1:9'

async function ask(origin: string) {
  const answer = await fetch(`${origin}/readyz`)
  const body: unknown = await answer.json()
  return { status: answer.status, body }
}

const AWAY = { isReady: () => false }

it('tells of a ledger that is kept', async () => {
  const { origin } = await startGateway({ upstream: UPSTREAM })
  expect(await ask(origin)).toEqual({
    status: 200,
    body: { status: 'ok', draining: false, limitStore: 'ready', ledger: 'ready' },
  })
})

it('goes on serving while its own ledger cannot be written', async () => {
  const { origin } = await startGateway({
    upstream: UPSTREAM,
    replace: ({ ledger }) => ({ ledger: { ...ledger, ...AWAY } }),
  })
  expect(await ask(origin)).toMatchObject({ status: 200, body: { ledger: 'away' } })
})

it.skipIf(redisServer === undefined)('serves no more while a shared ledger is away', async () => {
  const { origin } = await startGateway({
    upstream: UPSTREAM,
    env: { REDIS_URL: (await startRedis()).url },
    replace: ({ ledger }) => ({ ledger: { ...ledger, ...AWAY } }),
  })
  await expect
    .poll(() => ask(origin), { timeout: 5000 })
    .toMatchObject({ status: 503, body: { limitStore: 'ready', ledger: 'away' } })
})
