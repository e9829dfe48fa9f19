import { describe, expect, it, onTestFinished } from 'vitest'

import { type Gateway, startGateway } from '../helpers/gateway.ts'
import { openRaw } from '../helpers/raw.ts'
import { echo, startUpstream } from '../helpers/upstream.ts'

const ORIGIN = 'https://app.example.com'

async function expectOverloaded(response: Response): Promise<void> {
  expect(response.status).toBe(503)
  expect(response.headers.get('retry-after')).toBe('1')
  expect(response.headers.get('x-should-retry')).toBe('true')
  expect(response.headers.get('access-control-allow-origin')).toBe(ORIGIN)
  expect(await response.json()).toMatchObject({
    error: { type: 'server_error', code: 'overloaded', param: null },
  })
}

const fromPage = { headers: { origin: ORIGIN } }

describe('requests in flight over IN_FLIGHT_LIMIT', () => {
  it('are answered 503, whoever sends them, and taken again when one has ended', async () => {
    let end = (): void => {}
    const upstream = await startUpstream((_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: {}\n\n')
      end = () => response.end()
    })
    const gateway = await startGateway({
      upstream: upstream.origin,
      env: {
        IN_FLIGHT_LIMIT: '2',
        ALLOWED_ORIGINS: ORIGIN,
        CLIENT_TOKENS: 'alice:ks-test-alice,bob:ks-test-bob',
        RATE_LIMIT_PER_MINUTE: '3',
      },
    })
    const bob = { headers: { ...fromPage.headers, authorization: 'Bearer ks-test-bob' } }
    const leave = new AbortController()
    await gateway.fetch('/v1/x', { ...fromPage, signal: leave.signal })
    await gateway.fetch('/v1/x', bob)
    // Nor does it cost a request of the minute.
    for (let i = 0; i < 5; i++) await expectOverloaded(await gateway.fetch('/v1/x', bob))
    expect((await fetch(`${gateway.origin}/healthz`)).status).toBe(200)
    expect((await gateway.metrics.shed.get()).values).toMatchObject([
      { labels: { reason: 'in_flight' }, value: 5 },
    ])

    end()
    await gateway.waitForLine(({ client, status }) => client === 'bob' && status === 200)
    expect((await gateway.fetch('/v1/x', bob)).status).toBe(200)
    leave.abort()
    await gateway.waitForLine(({ client, status }) => client === 'alice' && status === 499)
    expect((await gateway.fetch('/v1/x', bob)).status).toBe(200)
  })
})

describe('a process that cannot keep up', () => {
  /** Blocks the loop for most of its time, as too many requests would. */
  function startBlocking(blockMs: number): () => void {
    const timer = setInterval(() => {
      const until = performance.now() + blockMs
      while (performance.now() < until);
    }, 10)
    const stop = (): void => clearInterval(timer)
    onTestFinished(stop)
    return stop
  }

  async function untilStatus(gateway: Gateway, status: number): Promise<Response> {
    for (;;) {
      const response = await gateway.fetch('/v1/x', fromPage)
      if (response.status === status) return response
      await response.body?.cancel()
    }
  }

  it('answers new requests 503, health checks as ever, and goes on when it has caught up', async () => {
    const upstream = await startUpstream(echo)
    const env = { MAX_EVENT_LOOP_DELAY_MS: '100', ALLOWED_ORIGINS: ORIGIN }
    const gateway = await startGateway({ upstream: upstream.origin, env })
    expect((await gateway.fetch('/v1/x', fromPage)).status).toBe(200)
    const stop = startBlocking(300)
    await expectOverloaded(await untilStatus(gateway, 503))
    expect((await fetch(`${gateway.origin}/healthz`)).status).toBe(200)
    expect((await fetch(`${gateway.origin}/readyz`)).status).toBe(200)
    stop()
    await untilStatus(gateway, 200)
    const { values } = await gateway.metrics.shed.get()
    expect(values[0]?.labels).toEqual({ reason: 'event_loop_delay' })
  })

  it('does not turn anybody away for one long pause, or with MAX_EVENT_LOOP_DELAY_MS=0', async () => {
    const upstream = await startUpstream(echo)
    for (const limitMs of ['100', '0']) {
      const env = { MAX_EVENT_LOOP_DELAY_MS: limitMs }
      const gateway = await startGateway({ upstream: upstream.origin, env })
      const until = performance.now() + 1500
      if (limitMs === '100') while (performance.now() < until);
      else startBlocking(300)
      for (let i = 0; i < 8; i++) {
        expect((await gateway.fetch('/v1/x')).status).toBe(200)
        await new Promise((resolve) => setTimeout(resolve, 100))
      }
    }
  })

  it('turns away who comes while the first of those who wait has waited for too long', async () => {
    const upstream = await startUpstream(echo)
    // More than a busy machine makes any process late, and far less than two hundred take.
    const env = {
      MAX_EVENT_LOOP_DELAY_MS: '20',
      RATE_LIMIT_PER_MINUTE: '0',
      CONCURRENCY_LIMIT: '0',
    }
    const gateway = await startGateway({ upstream: upstream.origin, env })
    const clients = Array.from({ length: 200 }, () => openRaw(gateway))
    const askAll = (path: string): void => {
      for (const client of clients) {
        client.send(
          `GET ${path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${gateway.token}\r\n\r\n`,
        )
      }
    }
    // One by one, as their connections are taken.
    askAll('/healthz')
    await Promise.all(clients.map((client) => client.answers(1)))
    askAll('/v1/x')
    const answers = await Promise.all(clients.map((client) => client.answers(2)))
    const statuses = answers.map(([, answer]) => answer?.status)
    expect(new Set(statuses)).toEqual(new Set([200, 503]))
    await expect
      .poll(async () => (await gateway.fetch('/v1/x')).text(), { timeout: 10_000 })
      .not.toContain('overloaded')
  })
})
