import type { Config } from '../config/config.ts'
import type { Metrics } from '../metrics.ts'
import { createFailoverLimitStore } from '../stores/failover-limit-store.ts'
import type { LimitStore } from '../stores/limit-store.ts'
import type { MemoryLimitStore } from '../stores/memory-limit-store.ts'
import { createRedisLimitStore } from '../stores/redis-limit-store.ts'

interface Observers {
  readonly logger: LeveledLog
  readonly metrics: Metrics
  /** Holds alone without Redis, and while Redis is away. */
  readonly local: MemoryLimitStore
}

interface LeveledLog {
  info(message: string): void
  warn(fields: object, message: string): void
}

/** The store that the settings ask for: this process's memory, or Redis with what holds while it is away. */
export function createLimitStore(
  { redisUrl, redisFailureMode }: Pick<Config, 'redisUrl' | 'redisFailureMode'>,
  { logger, metrics, local }: Observers,
): LimitStore {
  metrics.limitStoreReady.set(redisUrl === undefined ? 1 : 0)
  if (redisUrl === undefined) return local

  let wasReady: boolean | undefined
  const shared = createRedisLimitStore({
    url: redisUrl,
    onStateChange(isReady, error) {
      metrics.limitStoreReady.set(isReady ? 1 : 0)
      if (isReady === wasReady) return
      wasReady = isReady
      if (isReady) logger.info('Redis answers: limits are shared between instances')
      else logger.warn({ err: error }, `Redis is away: ${CONSEQUENCE[redisFailureMode]}`)
    },
  })
  return createFailoverLimitStore({
    shared,
    local,
    mode: redisFailureMode,
    onFailure: () => metrics.limitStoreFailures.inc(),
  })
}

const CONSEQUENCE = {
  open: 'limits hold for this process alone (REDIS_FAILURE_MODE=open)',
  closed: 'requests are answered 503 (REDIS_FAILURE_MODE=closed)',
} as const
