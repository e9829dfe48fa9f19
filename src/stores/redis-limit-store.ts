import { randomUUID } from 'node:crypto'

import type { LimitStore, Slot, WindowState } from './limit-store.ts'
import {
  createRedisConnection,
  type RedisConnectionOptions,
  redisScript,
} from './redis-connection.ts'

/** A slot whose holder died is free again after this long; a living holder renews it. */
const LEASE_MS = 30_000
const RENEW_INTERVAL_MS = 10_000

const COUNT_REQUEST = redisScript(`
local count = redis.call('INCR', KEYS[1])
if count == 1 then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
return {count, redis.call('PTTL', KEYS[1])}`)

/** Leases are members of a sorted set, scored by when they run out on Redis' own clock. */
const TAKE_SLOT = redisScript(`
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
if redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[2]) then return 0 end
redis.call('ZADD', KEYS[1], now + ARGV[3], ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return 1`)

const RENEW_SLOT = redisScript(`
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[2])`)

/**
 * Keeps the counters in Redis, shared exactly by every instance on it. Starts without waiting: while Redis
 * is away every call rejects at once, and the connection is taken up again when it is back.
 */
export function createRedisLimitStore(options: RedisConnectionOptions): LimitStore {
  const connection = createRedisConnection({
    ...options,
    onStateChange(isReady, error) {
      // One that was restarted knows of no lease; those here are told before anything is asked.
      if (isReady) renewLeases()
      options.onStateChange(isReady, error)
    },
  })
  const leases = new Map<string, string>()
  const renewal = setInterval(renewLeases, RENEW_INTERVAL_MS)
  renewal.unref()

  function renewLeases(): void {
    for (const [lease, key] of leases) {
      ignoreFailure(connection.run(RENEW_SLOT, [key], [lease, String(LEASE_MS)]))
    }
  }

  function release(key: string, lease: string): void {
    if (leases.delete(lease)) ignoreFailure(connection.send((client) => client.zRem(key, lease)))
  }

  return {
    async countRequest(limitKey, windowMs): Promise<WindowState> {
      const reply = await connection.run(
        COUNT_REQUEST,
        [`keystow:window:${limitKey}`],
        [String(windowMs)],
      )
      const [count, resetAfterMs] = Array.isArray(reply) ? reply : []
      return { count: Number(count), resetAfterMs: Math.max(Number(resetAfterMs), 0) }
    },
    async takeSlot(limitKey, limit): Promise<Slot | undefined> {
      const key = `keystow:slots:${limitKey}`
      const lease = randomUUID()
      const isTaken = await connection.run(
        TAKE_SLOT,
        [key],
        [lease, String(limit), String(LEASE_MS)],
      )
      if (isTaken !== 1) return undefined
      leases.set(lease, key)
      return { release: () => release(key, lease) }
    },
    isReady: () => connection.isReady(),
    async close() {
      clearInterval(renewal)
      await connection.close()
    },
  }
}

/** The lease runs out by itself. */
function ignoreFailure(command: Promise<unknown>): void {
  command.catch(() => {})
}
