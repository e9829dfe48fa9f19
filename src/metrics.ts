import { Counter, Gauge, Registry } from 'prom-client'

import { createUsageMetrics, type UsageMetrics } from './usage-metrics.ts'

/** What `/metrics` tells. Label values come from closed sets, so that no client can grow the table. */
export interface Metrics {
  readonly registry: Registry
  readonly requests: Counter<'route' | 'status'>
  readonly inFlight: Gauge
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
  return {
    registry,
    usage: createUsageMetrics(registry),
    upstreamErrors: new Counter({
      name: 'keystow_upstream_errors_total',
      help: 'Requests that the upstream failed, by the code that their clients were told.',
      labelNames: ['kind'],
      registers,
    }),
    requests: new Counter({
      name: 'keystow_requests_total',
      help: 'Requests that ended, by route and status; 499 is a client that left.',
      labelNames: ['route', 'status'],
      registers,
    }),
    inFlight: new Gauge({
      name: 'keystow_requests_in_flight',
      help: 'Requests that are running.',
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
