import { randomUUID } from 'node:crypto'

import { createClient } from '@redis/client'

import type { LimitStore, Slot, WindowState } from './limit-store.ts'

/** A slot whose holder died is free again after this long; a living holder renews it. */
const LEASE_MS = 30_000
const RENEW_INTERVAL_MS = 10_000

/** A command that takes longer counts as a store that is away: requests wait for it. */
const COMMAND_TIMEOUT_MS = 1000
const CONNECT_TIMEOUT_MS = 1000
const MAX_RECONNECT_DELAY_MS = 1000

const COUNT_REQUEST = `
local count = redis.call('INCR', KEYS[1])
if count == 1 then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
return {count, redis.call('PTTL', KEYS[1])}`

/** Leases are members of a sorted set, scored by when they run out on Redis' own clock. */
const TAKE_SLOT = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
if redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[2]) then return 0 end
redis.call('ZADD', KEYS[1], now + ARGV[3], ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return 1`

const RENEW_SLOT = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[2])`

interface RedisLimitStoreOptions {
  readonly url: string
  /** Called with every change between answering and not, and with what went wrong. */
  readonly onStateChange: (isReady: boolean, error?: Error) => void
}

/**
 * Keeps the counters in Redis, shared exactly by every instance on it. Starts without waiting: while Redis
 * is away every call rejects at once, and the connection is taken up again when it is back.
 */
export function createRedisLimitStore({ url, onStateChange }: RedisLimitStoreOptions): LimitStore {
  const client = createClient({
    url,
    disableOfflineQueue: true,
    commandOptions: { timeout: COMMAND_TIMEOUT_MS },
    socket: {
      connectTimeout: CONNECT_TIMEOUT_MS,
      reconnectStrategy: (retries) =>
        Math.min(25 * 2 ** Math.min(retries, 10), MAX_RECONNECT_DELAY_MS),
    },
  })
  const leases = new Map<string, string>()
  let lastError: Error | undefined
  client.on('ready', () => {
    // One that was restarted knows of no lease; those here are told before anything is asked.
    renewLeases()
    onStateChange(true)
  })
  client.on('error', (error: Error) => {
    lastError = error
    onStateChange(false, error)
  })
  // Rejects only when it is closed while it still tries.
  const connecting = client.connect().catch((error: Error) => {
    lastError = error
  })
  const renewal = setInterval(renewLeases, RENEW_INTERVAL_MS)
  renewal.unref()

  async function run(script: string, key: string, args: string[]): Promise<unknown> {
    if (!client.isReady) throw lastError ?? new Error('Redis is not connected')
    return client.eval(script, { keys: [key], arguments: args })
  }

  function renewLeases(): void {
    for (const [lease, key] of leases) {
      ignoreFailure(run(RENEW_SLOT, key, [lease, String(LEASE_MS)]))
    }
  }

  function release(key: string, lease: string): void {
    if (!leases.delete(lease) || !client.isReady) return
    ignoreFailure(client.zRem(key, lease))
  }

  return {
    async countRequest(limitKey, windowMs): Promise<WindowState> {
      const reply = await run(COUNT_REQUEST, `keystow:window:${limitKey}`, [String(windowMs)])
      const [count, resetAfterMs] = Array.isArray(reply) ? reply : []
      return { count: Number(count), resetAfterMs: Math.max(Number(resetAfterMs), 0) }
    },
    async takeSlot(limitKey, limit): Promise<Slot | undefined> {
      const key = `keystow:slots:${limitKey}`
      const lease = randomUUID()
      const isTaken = await run(TAKE_SLOT, key, [lease, String(limit), String(LEASE_MS)])
      if (isTaken !== 1) return undefined
      leases.set(lease, key)
      return { release: () => release(key, lease) }
    },
    isReady: () => client.isReady,
    async close() {
      clearInterval(renewal)
      client.destroy()
      await connecting
    },
  }
}

/** The lease runs out by itself. */
function ignoreFailure(command: Promise<unknown>): void {
  command.catch(() => {})
}
