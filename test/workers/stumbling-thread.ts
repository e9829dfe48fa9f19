import { workerData } from 'node:worker_threads'

import { createCalls } from '../../src/workers/calls.ts'
import {
  COUNTERS_PER_KIND,
  type MainCalls,
  type ThreadCalls,
  type ThreadSetup,
} from '../../src/workers/protocol.ts'
import { openSharedCounters } from '../../src/workers/shared-counters.ts'

/** Dies once it has listened; the next one does not come to listen, and the third lives. */
const { thread, threads, memory, calls }: ThreadSetup = workerData
const counters = openSharedCounters(memory, { thread, threads, perKind: COUNTERS_PER_KIND })
const life = counters.use('client:life', 0, (lives) => ++lives.count)
if (life === 2) throw new Error('the second cannot be started')
const main = createCalls<ThreadCalls, MainCalls>(calls, {
  reload: () => {},
  metrics: () => [
    {
      name: 'test_life',
      help: '-',
      type: 'gauge',
      aggregator: 'sum',
      values: [{ labels: {}, value: life }],
    },
  ],
  stop: () => process.exit(0),
})
main.tell('listening', null)
if (life === 1) {
  await main.ask('ledgerState', null)
  throw new Error('the first dies')
}
