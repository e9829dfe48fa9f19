import { describe, expect, it } from 'vitest'

import { type Gateway, startGateway } from '../helpers/gateway.ts'
import { type Redis, redisServer, startRedis } from '../helpers/redis.ts'
import { echo, startUpstream } from '../helpers/upstream.ts'

// Counters that live in Redis are gone with it: whoever can make it restart, or waits until somebody does, has every
// limit anew, once for the time it is away and once for the time it is back. Each instance goes on from what it has
// seen.

const LIMIT = 10

async function untilReady(gateways: readonly Gateway[], status: number): Promise<void> {
  for (const { origin } of gateways) {
    while ((await fetch(`${origin}/readyz`)).status !== status) {
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }
}

async function restart(redis: Redis, gateways: readonly Gateway[]): Promise<void> {
  await redis.stop()
  await untilReady(gateways, 503)
  await redis.start()
  await untilReady(gateways, 200)
}

async function countOk(gateway: Gateway, requests: number): Promise<number> {
  let count = 0
  for (let i = 0; i < requests; i++) {
    const response = await gateway.fetch('/v1/models')
    await response.text()
    if (response.status === 200) count++
  }
  return count
}

describe.skipIf(redisServer === undefined)('a Redis that restarts', () => {
  it('gives nobody the requests of the minute anew, while it is away or back', async () => {
    const redis = await startRedis()
    const upstream = await startUpstream(echo)
    const env = { REDIS_URL: redis.url, RATE_LIMIT_PER_MINUTE: String(LIMIT) }
    const gateway = await startGateway({ upstream: upstream.origin, env })
    await untilReady([gateway], 200)
    expect(await countOk(gateway, 4)).toBe(4)
    await redis.stop()
    await untilReady([gateway], 503)
    expect(await countOk(gateway, 3)).toBe(3)
    await redis.start()
    await untilReady([gateway], 200)
    expect(await countOk(gateway, 10)).toBe(3)
    await restart(redis, [gateway])
    expect(await countOk(gateway, 5)).toBe(0)
    const response = await gateway.fetch('/v1/models')
    expect(Number(response.headers.get('retry-after'))).toBeLessThanOrEqual(60)
  })

  it('leaves the count to all instances again', async () => {
    const redis = await startRedis()
    const upstream = await startUpstream(echo)
    const env = { REDIS_URL: redis.url, RATE_LIMIT_PER_MINUTE: String(LIMIT) }
    const first = await startGateway({ upstream: upstream.origin, env })
    const second = await startGateway({ upstream: upstream.origin, env })
    await untilReady([first, second], 200)
    expect(await countOk(first, 2)).toBe(2)
    await restart(redis, [first, second])
    // The second has seen none of them; what Redis is told from now on it knows.
    expect(await countOk(second, 5)).toBe(5)
    expect(await countOk(first, 20)).toBe(5)
    expect(await countOk(second, 5)).toBe(0)
  })

  it('hands out no place in flight twice', async () => {
    const redis = await startRedis()
    const upstream = await startUpstream((_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: {}\n\n')
    })
    const env = { REDIS_URL: redis.url, CONCURRENCY_LIMIT: '3' }
    const first = await startGateway({ upstream: upstream.origin, env })
    const second = await startGateway({ upstream: upstream.origin, env })
    await untilReady([first, second], 200)
    const leave = new AbortController()
    const { signal } = leave
    await Promise.all([1, 2, 3].map(() => first.fetch('/v1/x', { signal })))
    await redis.stop()
    await untilReady([first, second], 503)
    expect((await first.fetch('/v1/x')).status).toBe(429)
    await redis.start()
    await untilReady([first, second], 200)
    // With the connection, and not only with the next renewal: then the others know of them as well.
    const countLeases = () => redis.command('ZCARD', 'keystow:slots:client:alice')
    for (let i = 0; i < 100 && (await countLeases()) !== 3; i++) {
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
    expect((await first.fetch('/v1/x')).status).toBe(429)
    expect((await second.fetch('/v1/x')).status).toBe(429)
    leave.abort()
    await first.waitForLine(
      () => first.requestLines().filter(({ status }) => status === 499).length === 3,
    )
    while ((await second.fetch('/v1/x', { signal: AbortSignal.timeout(5000) })).status !== 200);
  })
})
