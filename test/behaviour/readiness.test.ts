import { describe, expect, it } from 'vitest'

import { startGateway } from '../helpers/gateway.ts'
import { echo, startUpstream } from '../helpers/upstream.ts'

interface Readiness {
  readonly status: number
  readonly body: unknown
}

/** What `/readyz` says while the ledger cannot be written. */
async function readyWithoutLedger(env: Readonly<Record<string, string>>): Promise<Readiness> {
  const upstream = await startUpstream(echo)
  const gateway = await startGateway({
    upstream: upstream.origin,
    env,
    replace: ({ ledger }) => ({ ledger: { ...ledger, isReady: () => false } }),
  })
  const answer = await fetch(`${gateway.origin}/readyz`)
  return { status: answer.status, body: await answer.json() }
}

describe('/readyz', () => {
  it('is 200 when everything can be kept', async () => {
    const upstream = await startUpstream(echo)
    const gateway = await startGateway({ upstream: upstream.origin })
    const answer = await fetch(`${gateway.origin}/readyz`)
    expect(answer.status).toBe(200)
    expect(await answer.json()).toEqual({
      status: 'ok',
      draining: false,
      limitStore: 'ready',
      ledger: 'ready',
    })
  })

  it('is 200 without a ledger that only meters, and says that it is away', async () => {
    const { status, body } = await readyWithoutLedger({})
    expect(status).toBe(200)
    expect(body).toMatchObject({ status: 'ok', ledger: 'away' })
  })

  it('is 503 without a ledger that budgets depend on', async () => {
    const { status, body } = await readyWithoutLedger({ BUDGET_PER_DAY: '1' })
    expect(status).toBe(503)
    expect(body).toMatchObject({ status: 'unavailable', limitStore: 'ready', ledger: 'away' })
  })
})
