import type { Logger } from 'pino'

import { hasBudgets } from './config/budgets.ts'
import type { Config } from './config/config.ts'
import { registerCredentialMetrics } from './credential-metrics.ts'
import { createDrain, type Drain } from './drain.ts'
import { createLimitStore } from './limits/create-limit-store.ts'
import { createOwnTotals, type ProcessTotal, type ProcessTotals } from './limits/process-total.ts'
import type { LogOutput } from './log-output.ts'
import { createLogger } from './logger.ts'
import { createMetrics, type Metrics } from './metrics.ts'
import { createLivePolicy, type LivePolicy } from './policy/policy.ts'
import { shareOf } from './workers/share.ts'
import { type BodyMemory, createBodyMemory } from './proxy/body-memory.ts'
import { createCredentialRing } from './proxy/bound-credential.ts'
import { createEgressScanner, type EgressScanner } from './proxy/egress-scan.ts'
import { type BulkTurns, createBulkTurns } from './proxy/bulk-turns.ts'
import { createUpstreamClient, type UpstreamClient } from './proxy/upstream-client.ts'
import { createUpstreamPlaces, type UpstreamPlaces } from './proxy/upstream-places.ts'
import type { LedgerStore } from './stores/ledger-store.ts'
import type { LimitStore } from './stores/limit-store.ts'
import { createMemoryLimitStore, type MemoryLimitStore } from './stores/memory-limit-store.ts'
import { registerLedgerMetrics } from './usage-metrics.ts'
import { createLedgerStore } from './usage/create-ledger-store.ts'
import type { ServingLedger } from './workers/ledger-calls.ts'

const BYTES_PER_MIB = 1024 * 1024

/** What lives longer than one request. */
export interface Services {
  readonly logger: Logger
  readonly dispatcher: UpstreamClient
  readonly places: UpstreamPlaces
  readonly bulk: BulkTurns
  readonly bodyMemory: BodyMemory
  /** In flight, in the whole process. */
  readonly requests: ProcessTotal
  readonly policy: LivePolicy
  readonly limitStore: LimitStore
  readonly ledger: ServingLedger
  readonly metrics: Metrics
  /** The metrics of the whole process, in Prometheus text. */
  readonly exposition: () => Promise<string>
  readonly drain: Drain
  /** Knows every credential of the process. */
  readonly scanner: EgressScanner
  /** Closes the connections to the upstream and the store. */
  close(): Promise<void>
}

/** What services are made with that is not theirs alone. */
interface Surroundings {
  /** Where lines of the log go. */
  readonly destination: LogOutput
  /** What the other threads of this process share with it, where there are any. */
  readonly shared?: SharedServices | undefined
}

export interface SharedServices {
  /** The number of this thread. */
  readonly worker: number
  readonly counters: MemoryLimitStore
  readonly totals: ProcessTotals
  readonly ledger: ServingLedger
  readonly exposition: () => Promise<string>
}

/** Makes the services that the settings ask for. */
export function createServices(config: Config, surroundings: Surroundings): Services {
  const { destination, shared } = surroundings
  const scanner = createEgressScanner([])
  const ring = createCredentialRing({ onNew: scanner.learn, onForgotten: scanner.forget })
  const policy = createLivePolicy(config, ring)
  const logger = createLogger({
    level: config.logLevel,
    scanner,
    destination,
    worker: shared?.worker,
  })
  const metrics = createMetrics()
  registerCredentialMetrics(metrics.registry, () => policy.current().families)
  const ledger = shared?.ledger ?? openOwnLedger(config, { logger, metrics })
  const local = shared?.counters ?? createMemoryLimitStore()
  const totals = shared?.totals ?? createOwnTotals()
  const limitStore = createLimitStore(config, { logger, metrics, local })
  const upstreamConnections = shareOf(config.upstreamConnections, config.workers)
  const dispatcher = createUpstreamClient({
    connections: upstreamConnections,
    connectTimeoutMs: config.upstreamConnectTimeoutMs,
    headerLimitBytes: config.upstreamHeaderLimitKb * 1024,
  })
  return {
    logger,
    metrics,
    exposition: shared?.exposition ?? (() => metrics.registry.metrics()),
    limitStore,
    ledger,
    dispatcher,
    bodyMemory: createBodyMemory(bodyMemoryBytes(config), totals.bodyKib),
    requests: totals.requests,
    places: createUpstreamPlaces(upstreamConnections),
    bulk: createBulkTurns(),
    policy,
    scanner,
    drain: createDrain(),
    async close() {
      await Promise.all([limitStore.close(), ledger.close(), dispatcher.destroy()])
    },
  }
}

/** The ledger that this thread keeps, and tells of. */
export function openOwnLedger(
  config: Config,
  { logger, metrics }: Pick<Services, 'logger' | 'metrics'>,
): LedgerStore {
  const ledger = createLedgerStore(
    { ...config, hasBudgets: hasBudgets(config) },
    { logger, onFailure: () => metrics.ledgerStoreFailures.inc() },
  )
  registerLedgerMetrics(metrics.registry, ledger)
  return ledger
}

/** One body of the size that is allowed always finds room: what holds it may be twice as large, and it is copied. */
function bodyMemoryBytes({ bodyMemoryLimitMb, bodyLimitMb }: Config): number {
  if (bodyMemoryLimitMb === 0) return 0
  return Math.max(bodyMemoryLimitMb, 3 * bodyLimitMb) * BYTES_PER_MIB
}
