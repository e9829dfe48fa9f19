import { onTestFinished } from 'vitest'

import { type Redis, startRedisProcess } from './redis-process.ts'

export { freePort, type Redis, redisServer } from './redis-process.ts'

/** A redis-server of its own on a free port, without persistence; ends with the test. */
export async function startRedis(): Promise<Redis> {
  const redis = await startRedisProcess()
  onTestFinished(() => redis.stop())
  return redis
}
