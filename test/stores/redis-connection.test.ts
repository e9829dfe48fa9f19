import { describe, expect, it, onTestFinished } from 'vitest'

import {
  createRedisConnection,
  type RedisConnection,
  redisScript,
} from '../../src/stores/redis-connection.ts'
import { createRedisLimitStore } from '../../src/stores/redis-limit-store.ts'
import { redisServer, startRedis } from '../helpers/redis.ts'
import { startWire } from '../helpers/wire.ts'

const POLL = { timeout: 10_000 }

async function start() {
  const redis = await startRedis()
  const wire = await startWire(Number(new URL(redis.url).port))
  return { redis, wire, url: `redis://127.0.0.1:${wire.port}` }
}

async function connect(url: string): Promise<{ connection: RedisConnection; states: boolean[] }> {
  const states: boolean[] = []
  const connection = createRedisConnection({
    url,
    onStateChange: (isReady) => states.push(isReady),
  })
  onTestFinished(() => connection.close())
  await expect.poll(() => connection.isReady()).toBe(true)
  return { connection, states }
}

describe.skipIf(redisServer === undefined)('a connection to Redis', () => {
  // The client's own timeout ends once a command is written: a request would have waited for minutes.
  it('is given up and made anew when a command is not answered', async () => {
    const { wire, url } = await start()
    const { connection, states } = await connect(url)
    wire.dropAnswers()
    const asked = Array.from({ length: 3 }, () => connection.send((client) => client.get('a')))
    const results = await Promise.allSettled(asked)
    expect(results.map(({ status }) => status)).toEqual(Array(3).fill('rejected'))
    expect(connection.isReady()).toBe(false)
    await expect(connection.send((client) => client.get('a'))).rejects.toThrow('does not answer')
    wire.restore()
    await expect.poll(() => connection.isReady(), POLL).toBe(true)
    expect(await connection.send((client) => client.get('a'))).toBe(null)
    expect(states).toEqual([true, false, ...states.slice(2)])
  })

  it('is kept while it answers, however many wait for it', async () => {
    const { url } = await start()
    const { connection, states } = await connect(url)
    const waits = [0.6, 0.6, 0.6].map((seconds) =>
      connection.send((client) => client.blPop('nothing', seconds)),
    )
    expect(await Promise.all(waits)).toEqual([null, null, null])
    expect(states).toEqual([true])
  })

  it('runs scripts that Redis has forgotten', async () => {
    const { url } = await start()
    const { connection } = await connect(url)
    const script = redisScript('return ARGV[1]')
    expect(await connection.run(script, [], ['a'])).toBe('a')
    await connection.send((client) => client.scriptFlush())
    expect(await connection.run(script, [], ['b'])).toBe('b')
  })

  it('does not keep limits waiting', async () => {
    const { wire, url } = await start()
    const states: boolean[] = []
    const store = createRedisLimitStore({ url, onStateChange: (isReady) => states.push(isReady) })
    onTestFinished(() => store.close())
    await expect.poll(() => states).toEqual([true])
    wire.dropAnswers()
    await expect(store.countRequest('a', 1000)).rejects.toThrow(/./)
    expect(store.isReady()).toBe(false)
  })
})
