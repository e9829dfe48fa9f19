import { expect, it } from 'vitest'

import { startGateway } from '../helpers/gateway.ts'
import { priceFile } from '../helpers/prices.ts'
import { startUpstream } from '../helpers/upstream.ts'

/**
 * The attack: a client with a budget sends numbers that are none when they are multiplied. `1e999` is Infinity once
 * it is parsed, and Infinity times nothing is no number: a reservation of it would make what is left of the budget no
 * number either, which is never less than what a call needs. One such request would open the budget, also that of the
 * whole instance, until the next day.
 */
const ABSURD = [
  '"max_tokens":0,"n":1e999',
  '"max_tokens":1e999,"n":1',
  '"max_tokens":1e999,"n":1e999',
  '"max_tokens":-1e999,"n":-1e999',
  '"max_tokens":1e308,"n":1e308',
  '"max_tokens":-5,"n":0.5',
]

const MODELS = ['by-token', 'by-input']

it('keeps a budget whole whatever numbers a request names', async () => {
  const upstream = await startUpstream((_, response) =>
    response.end('{"usage":{"prompt_tokens":10,"completion_tokens":100}}'),
  )
  const gateway = await startGateway({
    upstream: upstream.origin,
    env: { TOTAL_BUDGET_PER_DAY: '0.001000', PRICING_FILE: priceFile() },
  })
  const call = async (model: string, members: string): Promise<number> => {
    const answer = await gateway.fetch('/v1/chat/completions', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: `{"model":"${model}",${members},"messages":[]}`,
    })
    await answer.text()
    return answer.status
  }
  for (const model of MODELS) {
    for (const members of ABSURD) expect([200, 429]).toContain(await call(model, members))
  }
  const statuses: number[] = []
  for (let calls = 0; calls < 20; calls++) statuses.push(await call('by-token', '"max_tokens":10'))
  expect(statuses.at(-1)).toBe(429)
  // What the refused ones would have cost was never spent.
  expect(upstream.received.length).toBeLessThan(20)
})
