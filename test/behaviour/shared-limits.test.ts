import { describe, expect, it } from 'vitest'

import { type Gateway, startGateway } from '../helpers/gateway.ts'
import { freePort, redisServer, startRedis } from '../helpers/redis.ts'
import { echo, startUpstream } from '../helpers/upstream.ts'

const LIMIT = 10

const countOk = (statuses: readonly number[]): number =>
  statuses.filter((status) => status === 200).length

async function statuses(gateways: readonly Gateway[], requests: number): Promise<number[]> {
  return Promise.all(
    Array.from({ length: requests }, async (_, index) => {
      const gateway = gateways[index % gateways.length]
      const response = await gateway?.fetch('/v1/models')
      await response?.text()
      return response?.status ?? 0
    }),
  )
}

async function untilReady(gateway: Gateway, status: number): Promise<void> {
  while ((await fetch(`${gateway.origin}/readyz`)).status !== status) {
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

describe.skipIf(redisServer === undefined)('two instances on one Redis', () => {
  it('share the requests a minute exactly', async () => {
    const redis = await startRedis()
    const upstream = await startUpstream(echo)
    const env = { REDIS_URL: redis.url, RATE_LIMIT_PER_MINUTE: String(LIMIT) }
    const gateways = [
      await startGateway({ upstream: upstream.origin, env }),
      await startGateway({ upstream: upstream.origin, env }),
    ]
    await Promise.all(gateways.map((gateway) => untilReady(gateway, 200)))
    expect(countOk(await statuses(gateways, 30))).toBe(LIMIT)
    expect(upstream.received).toHaveLength(LIMIT)
  })

  it('share the places in flight exactly, and give them back', async () => {
    const redis = await startRedis()
    const upstream = await startUpstream((_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: {}\n\n')
    })
    const env = { REDIS_URL: redis.url, CONCURRENCY_LIMIT: '4' }
    const first = await startGateway({ upstream: upstream.origin, env })
    const second = await startGateway({ upstream: upstream.origin, env })
    await Promise.all([untilReady(first, 200), untilReady(second, 200)])
    for (let round = 0; round < 3; round++) {
      const leave = new AbortController()
      const responses = await Promise.all(
        [first, second, first, second, first, second].map((gateway) =>
          gateway.fetch('/v1/models', { signal: leave.signal }),
        ),
      )
      expect(countOk(responses.map(({ status }) => status))).toBe(4)
      leave.abort()
      await Promise.all([untilFree(first), untilFree(second)])
    }
  })
})

/** Resolves when every request of a gateway has ended. */
async function untilFree(gateway: Gateway): Promise<void> {
  while ((await gateway.metrics.inFlight.get()).values[0]?.value !== 0) {
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  // The places are given back on the store's own connection, in order before whatever asks next.
}

describe.skipIf(redisServer === undefined)('a Redis that goes away', () => {
  it('leaves this process to count alone, with a warning and a metric', async () => {
    const redis = await startRedis()
    const upstream = await startUpstream(echo)
    const env = { REDIS_URL: redis.url, RATE_LIMIT_PER_MINUTE: String(LIMIT) }
    const gateway = await startGateway({ upstream: upstream.origin, env })
    await untilReady(gateway, 200)
    await redis.stop()
    await untilReady(gateway, 503)
    expect(countOk(await statuses([gateway], 30))).toBe(LIMIT)
    expect(gateway.log()).toContain('Redis is away: limits hold for this process alone')
    expect((await gateway.metrics.limitStoreFailures.get()).values[0]?.value).toBeGreaterThan(0)

    await redis.start()
    await untilReady(gateway, 200)
    // Nor does its coming back give anybody a limit anew.
    expect(countOk(await statuses([gateway], 30))).toBe(0)
  })

  it('is answered 503 with REDIS_FAILURE_MODE=closed', async () => {
    const redis = await startRedis()
    const upstream = await startUpstream(echo)
    const env = { REDIS_URL: redis.url, REDIS_FAILURE_MODE: 'closed', RATE_LIMIT_PER_MINUTE: '100' }
    const gateway = await startGateway({ upstream: upstream.origin, env })
    await untilReady(gateway, 200)
    expect((await gateway.fetch('/v1/models')).status).toBe(200)
    await redis.stop()
    await untilReady(gateway, 503)
    const response = await gateway.fetch('/v1/models')
    expect(response.status).toBe(503)
    expect(response.headers.get('retry-after')).toBe('1')
    expect(await response.json()).toMatchObject({ error: { code: 'store_unavailable' } })
  })
})

describe.skipIf(redisServer === undefined)('a Redis that hangs', () => {
  it.each([
    ['open', 200, undefined],
    ['closed', 503, 'store_unavailable'],
  ])('is not waited for with REDIS_FAILURE_MODE=%s', async (mode, status, code) => {
    const redis = await startRedis()
    const upstream = await startUpstream(echo)
    const env = { REDIS_URL: redis.url, REDIS_FAILURE_MODE: mode, RATE_LIMIT_PER_MINUTE: '100' }
    const gateway = await startGateway({ upstream: upstream.origin, env })
    await untilReady(gateway, 200)
    redis.hang()
    // Well within what a client waits.
    const signal = AbortSignal.timeout(10_000)
    const responses = await Promise.all(
      [1, 2, 3].map(() => gateway.fetch('/v1/models', { signal })),
    )
    expect(responses.map((response) => response.status)).toEqual([status, status, status])
    for (const response of responses) {
      const body: { error?: { code: string } } = JSON.parse(await response.text())
      expect(body.error?.code).toBe(code)
    }
    expect((await fetch(`${gateway.origin}/readyz`)).status).toBe(503)
    expect(upstream.received).toHaveLength(mode === 'open' ? 3 : 0)

    redis.goOn()
    await untilReady(gateway, 200)
    expect((await gateway.fetch('/v1/models')).status).toBe(200)
    expect(gateway.log()).toContain('Redis does not answer')
  })
})

describe.skipIf(redisServer === undefined)(
  'a Redis that hangs while nothing is asked of it',
  () => {
    it('is noticed by /readyz all the same', async () => {
      const redis = await startRedis()
      const gateway = await startGateway({
        upstream: 'http://127.0.0.1:9',
        env: { REDIS_URL: redis.url },
      })
      await untilReady(gateway, 200)
      redis.hang()
      await untilReady(gateway, 503)
      expect(gateway.log()).toContain('Redis does not answer')
      redis.goOn()
      await untilReady(gateway, 200)
    })
  },
)

describe('a Redis that is away at start', () => {
  it('does not keep the process from starting', async () => {
    const upstream = await startUpstream(echo)
    const env = { REDIS_URL: `redis://127.0.0.1:${await freePort()}`, RATE_LIMIT_PER_MINUTE: '2' }
    const gateway = await startGateway({ upstream: upstream.origin, env })
    expect((await fetch(`${gateway.origin}/readyz`)).status).toBe(503)
    expect(countOk(await statuses([gateway], 5))).toBe(2)
  })
})
