import { Counter, Gauge, Registry } from 'prom-client'

import { createBacklog } from './backlog.ts'
import { createUsageMetrics, type UsageMetrics } from './usage-metrics.ts'

/** Requests that are counted together; few enough that nobody notices. */
const COUNTED_TOGETHER = 32

/** What `/metrics` tells. Label values come from closed sets, so that no client can grow the table. */
export interface Metrics {
  readonly registry: Registry
  readonly requests: Pick<Counter, 'get'> & {
    inc(labels: Readonly<Record<'route' | 'status', string | number>>): void
  }
  readonly inFlight: Pick<Gauge, 'get'> & { inc(): void; dec(): void }
  readonly limited: Counter<'limit'>
  readonly shed: Counter<'reason'>
  readonly cutConnections: Counter<'reason'>
  readonly unexpectedErrors: Counter
  readonly limitStoreFailures: Counter
  readonly ledgerStoreFailures: Counter
  readonly redactions: Counter
  readonly limitStoreReady: Gauge
  readonly upstreamErrors: Counter<'kind'>
  readonly usage: UsageMetrics
}

export function createMetrics(): Metrics {
  const registry = new Registry()
  const registers = [registry]
  const backlog = createBacklog(COUNTED_TOGETHER)
  const requests = new Counter({
    name: 'keystow_requests_total',
    help: 'Requests that ended, by route and status; 499 is a client that left.',
    labelNames: ['route', 'status'],
    registers,
    // The first that a reader of the registry comes to: all of them have caught up then.
    collect: () => backlog.clear(),
  })
  let running = 0
  const inFlight: Gauge = new Gauge({
    name: 'keystow_requests_in_flight',
    help: 'Requests that are running.',
    registers,
    collect: () => inFlight.set(running),
  })
  const usage = createUsageMetrics(registry)
  return {
    registry,
    requests: {
      get: () => requests.get(),
      inc: (labels) => backlog.add(() => requests.inc(labels)),
    },
    inFlight: {
      get: () => inFlight.get(),
      inc: () => running++,
      dec: () => running--,
    },
    usage: { observe: (entry, call) => backlog.add(() => usage.observe(entry, call)) },
    upstreamErrors: new Counter({
      name: 'keystow_upstream_errors_total',
      help: 'Requests that the upstream failed, by the code that their clients were told.',
      labelNames: ['kind'],
      registers,
    }),
    limited: new Counter({
      name: 'keystow_limited_total',
      help: 'Requests answered 429, by the limit that was reached.',
      labelNames: ['limit'],
      registers,
    }),
    shed: new Counter({
      name: 'keystow_shed_total',
      help: 'Requests answered 503 because the instance had too much to do, by what showed it.',
      labelNames: ['reason'],
      registers,
    }),
    cutConnections: new Counter({
      name: 'keystow_connections_cut_total',
      help: 'Connections closed against their clients: idle ones for new ones, new ones over a limit, and readers that stopped.',
      labelNames: ['reason'],
      registers,
    }),
    unexpectedErrors: new Counter({
      name: 'keystow_unexpected_errors_total',
      help: 'Errors that nobody caught; more than ten in a minute end the process.',
      registers,
    }),
    limitStoreFailures: new Counter({
      name: 'keystow_limit_store_failures_total',
      help: 'Calls that the shared limit store did not answer.',
      registers,
    }),
    ledgerStoreFailures: new Counter({
      name: 'keystow_ledger_store_failures_total',
      help: 'Calls that the shared ledger did not answer.',
      registers,
    }),
    redactions: new Counter({
      name: 'keystow_redactions_total',
      help: 'Credentials that an upstream tried to give back, each replaced on the way.',
      registers,
    }),
    limitStoreReady: new Gauge({
      name: 'keystow_limit_store_ready',
      help: '1 while the limit store answers.',
      aggregator: 'min',
      registers,
    }),
  }
}
