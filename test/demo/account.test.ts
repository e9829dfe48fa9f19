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
  const body: unknown = await (await post(demo, '/openai/sk/log', {})).json()
  expect(body).toMatchObject({
    data: {
      total: 2,
      yufen: ACCOUNT.balanceFen,
      list: [
        { model: 'gpt-4o', prompt_tokens: 8, completion_tokens: 3, ip: ACCOUNT.callerAddress },
        { model: 'gpt-4', request_id: demo.bill()[0]?.requestId, yufen: ACCOUNT.balanceFen },
      ],
    },
  })
})
