import type { DestinationStream, Logger } from 'pino'
import type { Dispatcher } from 'undici'

import type { Config } from './config/config.ts'
import { registerCredentialMetrics } from './credential-metrics.ts'
import { createDrain, type Drain } from './drain.ts'
import { createLimitStore } from './limits/create-limit-store.ts'
import { createLogger } from './logger.ts'
import { createMetrics, type Metrics } from './metrics.ts'
import { createLivePolicy, type LivePolicy } from './policy/policy.ts'
import { type BodyMemory, createBodyMemory } from './proxy/body-memory.ts'
import { createCredentialRing } from './proxy/bound-credential.ts'
import { createEgressScanner, type EgressScanner } from './proxy/egress-scan.ts'
import { createUpstreamClient } from './proxy/upstream-client.ts'
import { createUpstreamPlaces, type UpstreamPlaces } from './proxy/upstream-places.ts'
import type { LedgerStore } from './stores/ledger-store.ts'
import type { LimitStore } from './stores/limit-store.ts'
import { createLedgerStore } from './usage/create-ledger-store.ts'

const BYTES_PER_MIB = 1024 * 1024

/** What lives longer than one request. */
export interface Services {
  readonly logger: Logger
  readonly dispatcher: Dispatcher
  readonly places: UpstreamPlaces
  readonly bodyMemory: BodyMemory
  readonly policy: LivePolicy
  readonly limitStore: LimitStore
  readonly ledger: LedgerStore
  readonly metrics: Metrics
  readonly drain: Drain
  /** Knows every credential of the process. */
  readonly scanner: EgressScanner
  /** Closes the connections to the upstream and the store. */
  close(): Promise<void>
}

/** Makes the services that the settings ask for; lines of the log go to standard output without a destination. */
export function createServices(config: Config, destination?: DestinationStream): Services {
  const scanner = createEgressScanner([])
  const ring = createCredentialRing({ onNew: scanner.learn, onForgotten: scanner.forget })
  const policy = createLivePolicy(config, ring)
  const logger = createLogger({ level: config.logLevel, scanner, destination })
  const metrics = createMetrics()
  registerCredentialMetrics(metrics.registry, () => policy.current().families)
  const ledger = createLedgerStore(
    { ...config, hasBudgets: false },
    { logger, onFailure: () => metrics.ledgerStoreFailures.inc() },
  )
  const limitStore = createLimitStore(config, { logger, metrics })
  const dispatcher = createUpstreamClient({
    connections: config.upstreamConnections,
    connectTimeoutMs: config.upstreamConnectTimeoutMs,
    headerLimitBytes: config.upstreamHeaderLimitKb * 1024,
  })
  return {
    logger,
    metrics,
    limitStore,
    ledger,
    dispatcher,
    bodyMemory: createBodyMemory(bodyMemoryBytes(config)),
    places: createUpstreamPlaces(config.upstreamConnections),
    policy,
    scanner,
    drain: createDrain(),
    async close() {
      await Promise.all([limitStore.close(), ledger.close(), dispatcher.destroy()])
    },
  }
}

/** One body of the size that is allowed always finds room. */
function bodyMemoryBytes({ bodyMemoryLimitMb, bodyLimitMb }: Config): number {
  if (bodyMemoryLimitMb === 0) return 0
  return Math.max(bodyMemoryLimitMb, 2 * bodyLimitMb) * BYTES_PER_MIB
}
