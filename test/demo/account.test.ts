import { expect, test } from 'vitest'

import { ACCOUNT } from '../../src/demo/account.ts'
import { get, post, postChat, startDemo } from './demo-helpers.ts'

test('tells the usage of the account', async () => {
  const demo = await startDemo()
  const path = '/v1/dashboard/billing/usage?start_date=2026-11-01&end_date=2026-11-30'
  const body: unknown = await (await get(demo, path)).json()
  expect(body).toMatchObject({ total_usage: ACCOUNT.totalUsageCents })
})

test('tells the limits and the owner of the account', async () => {
  const demo = await startDemo()
  const body: unknown = await (await get(demo, '/v1/dashboard/billing/subscription')).json()
  expect(body).toMatchObject({
    hard_limit_usd: ACCOUNT.hardLimitUsd,
    account_name: ACCOUNT.name,
  })
})

test('lists every call with its price, the balance and the address of the caller', async () => {
  const demo = await startDemo()
  await postChat(demo, 'gpt-4')
  await postChat(demo, 'gpt-4o', { max_tokens: 3 })
  const page = { start: 0, limit: 30 }
  const body: unknown = await (await post(demo, '/openai/sk/log', page)).json()
  const yufen = String(ACCOUNT.balanceFen)
  expect(body).toMatchObject({
    error: 0,
    data: {
      logs: [
        { model: 'gpt-4o', prompt_tokens: '8', completion_tokens: '3', ip: ACCOUNT.callerAddress },
        { model: 'gpt-4', reqid: demo.bill()[0]?.requestId, yufen },
      ],
    },
  })
})

test('hands the log out in pages of at most 300', async () => {
  const demo = await startDemo()
  for (const model of ['gpt-4', 'gpt-4o', 'gpt-5']) await postChat(demo, model)
  const ask = async (page: object): Promise<unknown> =>
    (await post(demo, '/openai/sk/log', { ...page })).json()
  expect(await ask({ start: 1, limit: 1 })).toMatchObject({ data: { logs: [{ model: 'gpt-4o' }] } })
  expect(await ask({ start: 3, limit: 300 })).toMatchObject({ data: { logs: [] } })
  expect(await ask({ start: 0, limit: 301 })).toMatchObject({ error: 301 })
})
