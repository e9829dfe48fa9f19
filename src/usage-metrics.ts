import { Counter, Gauge, Histogram, type Registry } from 'prom-client'

import type { LedgerStats } from './stores/ledger-store.ts'
import type { Endpoint } from './usage/endpoint.ts'
import type { LedgerEntry } from './usage/ledger-entry.ts'
import type { Pricing } from './usage/pricing.ts'

interface ObservedCall {
  readonly endpoint: Endpoint
  /** The table that the entry was priced by. */
  readonly pricing: Pick<Pricing, 'nameOf'>
}

/** What the ledger's entries add up to, as they are made. */
export interface UsageMetrics {
  observe(entry: LedgerEntry, call: ObservedCall): void
}

/** Names and buckets of OpenTelemetry's semantic conventions for generative AI, where they have some. */
const TOKEN_BUCKETS = Array.from({ length: 14 }, (_, index) => 4 ** index)
const DURATION_BUCKETS = Array.from({ length: 14 }, (_, index) => 0.01 * 2 ** index)
const FIRST_TOKEN_BUCKETS = [
  0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10,
]

/** Of a model that the price table does not know. */
const OTHER_MODEL = 'other'

/** The conventions' names of what is asked for. */
const OPERATIONS: Readonly<Record<Endpoint, string>> = {
  chat: 'chat',
  completions: 'text_completion',
  responses: 'chat',
  embeddings: 'embeddings',
  images: 'generate_content',
  speech: 'generate_content',
  transcription: 'generate_content',
  task: 'task',
  other: 'other',
  free: 'free',
}

const MS_PER_S = 1000
const MICROS_PER_UNIT = 1_000_000

export function createUsageMetrics(registry: Registry): UsageMetrics {
  const registers = [registry]
  const model = 'gen_ai_request_model'
  const operation = 'gen_ai_operation_name'
  const tokens = new Histogram({
    name: 'gen_ai_client_token_usage',
    help: 'Tokens of a request, by type: input (cached ones included) and output (reasoning included).',
    labelNames: [operation, model, 'gen_ai_token_type'],
    buckets: TOKEN_BUCKETS,
    registers,
  })
  const duration = new Histogram({
    name: 'gen_ai_server_request_duration_seconds',
    help: 'From the head of a request to the end of its answer.',
    labelNames: [operation, model],
    buckets: DURATION_BUCKETS,
    registers,
  })
  const firstToken = new Histogram({
    name: 'gen_ai_server_time_to_first_token_seconds',
    help: 'From the head of a request to the first byte of its answer from the upstream.',
    labelNames: [operation, model],
    buckets: FIRST_TOKEN_BUCKETS,
    registers,
  })
  const cached = new Counter({
    name: 'keystow_cached_tokens_total',
    help: 'Tokens of input that the upstream had cached.',
    labelNames: [model],
    registers,
  })
  const reasoning = new Counter({
    name: 'keystow_reasoning_tokens_total',
    help: 'Tokens of output that a model thought and did not say.',
    labelNames: [model],
    registers,
  })
  const cost = new Counter({
    name: 'keystow_cost_total',
    help: 'What requests have cost, in the currency of the label, by client; `address` is open access.',
    labelNames: ['client', model, 'currency'],
    registers,
  })
  const entries = new Counter({
    name: 'keystow_ledger_entries_total',
    help: 'Requests in the ledger, by whether what they used is the upstream’s word or estimated, and how they ended.',
    labelNames: ['kind', 'ending'],
    registers,
  })

  return {
    observe(entry, { endpoint, pricing }) {
      const { ending, isEstimated, clientId, currency, costMicros = 0, firstByteMs } = entry
      entries.inc({ kind: isEstimated ? 'estimated' : 'exact', ending })
      if (endpoint === 'free' || ending === 'refused') return
      // The table's word for it: what a client sends may be any text, a token among it.
      const name = (entry.model === '' ? undefined : pricing.nameOf(entry.model)) ?? OTHER_MODEL
      const labels = { [operation]: OPERATIONS[endpoint], [model]: name }
      if (entry.inputTokens + entry.outputTokens > 0) {
        tokens.observe({ ...labels, gen_ai_token_type: 'input' }, entry.inputTokens)
        tokens.observe({ ...labels, gen_ai_token_type: 'output' }, entry.outputTokens)
      }
      duration.observe(labels, entry.durationMs / MS_PER_S)
      if (firstByteMs !== undefined) firstToken.observe(labels, firstByteMs / MS_PER_S)
      if (entry.cachedTokens > 0) cached.inc({ [model]: name }, entry.cachedTokens)
      if (entry.reasoningTokens > 0) reasoning.inc({ [model]: name }, entry.reasoningTokens)
      const client = clientId.startsWith('address:') ? 'address' : clientId
      if (costMicros > 0) {
        cost.inc({ client, [model]: name, currency }, costMicros / MICROS_PER_UNIT)
      }
    },
  }
}

interface ObservedLedger {
  stats(): LedgerStats
  isReady(): boolean
}

/** Tells how the ledger is; to be called once for each ledger, by whoever keeps it. */
export function registerLedgerMetrics(registry: Registry, ledger: ObservedLedger): void {
  const gauge = (name: string, help: string, read: () => number): void => {
    const made: Gauge = new Gauge({
      name,
      help,
      registers: [],
      collect: () => made.set(read()),
    })
    registry.registerMetric(made)
  }
  gauge('keystow_ledger_ready', '1 while the ledger is kept safely.', () =>
    Number(ledger.isReady()),
  )
  gauge('keystow_ledger_durable', '1 when the ledger outlives the process.', () =>
    Number(ledger.stats().isDurable),
  )
  gauge(
    'keystow_ledger_lag_seconds',
    'How long the oldest settled entry has waited to be found by queries.',
    () => ledger.stats().lagMs / MS_PER_S,
  )
  gauge(
    'keystow_ledger_in_flight',
    'Requests that were opened and are not settled.',
    () => ledger.stats().inFlight,
  )
  gauge(
    'keystow_ledger_dropped_entries',
    'Entries that could not be kept, because nothing could be written for long.',
    () => ledger.stats().droppedEntries,
  )
}
