import { workerData } from 'node:worker_threads'

import { createCalls } from '../../src/workers/calls.ts'
import { createRemoteLedger } from '../../src/workers/ledger-calls.ts'
import {
  COUNTERS_PER_KIND,
  type MainCalls,
  type ThreadCalls,
  type ThreadSetup,
} from '../../src/workers/protocol.ts'
import { openSharedCounters } from '../../src/workers/shared-counters.ts'
import { openSharedTotals } from '../../src/workers/shared-totals.ts'

/** Begins a request, takes places, and dies the first time; the next one in its place lives. */
const { thread, threads, memory, totalsMemory, calls }: ThreadSetup = workerData
const main = createCalls<ThreadCalls, MainCalls>(calls, {
  reload: () => {},
  metrics: () => [inFlightMetric()],
  stop: () => process.exit(0),
})
const counters = openSharedCounters(memory, { thread, threads, perKind: COUNTERS_PER_KIND })
const isFirst = counters.use('client:life', 0, (life) => life.count++ === 0)
const { requests } = openSharedTotals(totalsMemory, { thread, threads })
const hasPlace = requests.take(1, 1)
main.tell('listening', null)
if (isFirst) {
  counters.use('client:a', 0, (places) => places.take(1))
  const used = { inputTokens: 5, cachedTokens: 0, outputTokens: 7, reasoningTokens: 0 }
  await createRemoteLedger(main).open({
    id: 'req_left_behind',
    at: Date.now(),
    clientId: 'a',
    model: 'm',
    path: '/v1/chat/completions',
    currency: 'CNY',
    caps: [],
    minimumMicros: 0,
    wantedMicros: 0,
    estimate: () => ({ ...used, images: 0, characters: 0, audioMs: 0, costMicros: 12 }),
  })
  await main.ask('ledgerState', null)
  throw new Error('the thread dies')
}

/** Whether it had the only place there is in flight. */
function inFlightMetric() {
  const values = [{ labels: {}, value: hasPlace ? 1 : 0 }]
  return { name: 'test_has_place', help: '-', type: 'gauge', aggregator: 'sum', values }
}
