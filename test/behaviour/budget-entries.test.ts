import { createServer, type Server } from 'node:http'

import { describe, expect, it, onTestFinished } from 'vitest'
import { z } from 'zod'

import { type Gateway, startGateway } from '../helpers/gateway.ts'
import { readEntries } from '../helpers/ledger.ts'
import { portOf } from '../helpers/port.ts'
import { micros, priceFile } from '../helpers/prices.ts'
import { startUpstream } from '../helpers/upstream.ts'

const ask = (gateway: Gateway, body: object = {}, path = '/v1/chat/completions') =>
  gateway.fetch(path, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'by-token', messages: [], ...body }),
  })

const refusalSchema = z.object({ error: z.object({ message: z.string() }) })

/** Answers that cost 100 each. */
const startHundred = () =>
  startUpstream((_, response) => {
    response.setHeader('content-type', 'application/json')
    response.end('{"usage":{"prompt_tokens":1,"completion_tokens":100}}')
  })

describe('a call that its budget refuses', () => {
  it('is in the ledger, cost nothing, and is no failure in the log', async () => {
    const upstream = await startHundred()
    const gateway = await startGateway({
      upstream: upstream.origin,
      env: { QUOTA_PER_DAY: '1' },
    })
    await (await ask(gateway)).text()
    const answer = await ask(gateway)
    expect(answer.status).toBe(429)
    expect(answer.headers.get('retry-after')).toBeNull()
    const { error } = refusalSchema.parse(await answer.json())
    expect(error.message).toContain('daily number of requests of this client is used up')
    // Chat UIs take these words for the provider's account.
    expect(error.message).not.toMatch(/quota|billing/i)
    const entries = await readEntries(gateway, 2)
    const refused = entries.find(({ ending }) => ending === 'refused')
    expect(refused).toMatchObject({ status: 429, costMicros: 0, inputTokens: 0, model: 'by-token' })
    const line = await gateway.waitForLine(({ status }) => status === 429)
    expect(line).toMatchObject({ level: 'info', error: 'budget_exceeded' })
    const limited = await gateway.metrics.limited.get()
    expect(limited.values).toContainEqual({ labels: { limit: 'budget' }, value: 1 })
  })

  it('is told that too little is left, where something is', async () => {
    const upstream = await startHundred()
    const gateway = await startGateway({
      upstream: upstream.origin,
      env: { BUDGET_PER_MONTH: micros(50), PRICING_FILE: priceFile() },
    })
    const answer = await ask(gateway)
    expect(answer.status).toBe(429)
    expect(await answer.text()).toContain(
      'What is left of the monthly budget of this client is not enough for this request.',
    )
    // One that is sure to cost less still passes.
    expect((await ask(gateway, { max_tokens: 20 })).status).toBe(200)
  })

  it('keeps nobody from what costs nothing', async () => {
    const upstream = await startHundred()
    const gateway = await startGateway({
      upstream: upstream.origin,
      env: { BUDGET_PER_DAY: micros(90), PRICING_FILE: priceFile() },
    })
    // It is passed by this one answer.
    expect((await ask(gateway, { max_tokens: 1 })).status).toBe(200)
    expect((await ask(gateway, { max_tokens: 1 })).status).toBe(429)
    expect((await gateway.fetch('/v1/models')).status).toBe(200)
  })
})

describe('a request that is sent again with another key', () => {
  it('is one entry, and is billed once', async () => {
    const upstream = await startUpstream(({ message }, response) => {
      response.setHeader('content-type', 'application/json')
      response.statusCode = message.headers.authorization?.includes('first') === true ? 401 : 200
      response.end('{"usage":{"prompt_tokens":1,"completion_tokens":100}}')
    })
    const gateway = await startWithTwoKeys(upstream.origin)
    expect((await ask(gateway)).status).toBe(200)
    const [entry] = await readEntries(gateway, 1)
    expect(upstream.received.length).toBe(2)
    expect(entry).toMatchObject({ costMicros: 100, ending: 'completed', isEstimated: false })
  })

  it('costs nothing when the first was refused and the second never left', async () => {
    const upstream = await startRefusing()
    const gateway = await startWithTwoKeys(upstream.origin)
    expect((await ask(gateway)).status).toBe(502)
    const [entry] = await readEntries(gateway, 1)
    expect(upstream.received()).toBe(1)
    expect(entry).toMatchObject({ costMicros: 0, ending: 'refused', isEstimated: false })
  })
})

const startWithTwoKeys = (upstream: string): Promise<Gateway> =>
  startGateway({
    upstream,
    env: {
      UPSTREAM_API_KEY: '',
      FIRST_KEY: 'hk-test-first-0123456789abcdef',
      SECOND_KEY: 'hk-test-second-0123456789abcde',
      BUDGET_PER_DAY: '1',
      PRICING_FILE: priceFile(),
    },
    yaml: 'credentials: [{ env: FIRST_KEY, weight: 1000 }, { env: SECOND_KEY }]\n',
  })

/** Refuses one key, and is gone before another can be tried. */
async function startRefusing() {
  let received = 0
  const server: Server = createServer((message, response) => {
    received++
    message.resume()
    message.on('end', () => {
      server.close()
      response.writeHead(401, { connection: 'close' }).end('{}')
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => server.closeAllConnections())
  return { origin: `http://127.0.0.1:${portOf(server)}`, received: () => received }
}
