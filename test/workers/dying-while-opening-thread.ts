import { workerData } from 'node:worker_threads'

import { createCalls } from '../../src/workers/calls.ts'
import { createRemoteLedger } from '../../src/workers/ledger-calls.ts'
import type { MainCalls, ThreadCalls, ThreadSetup } from '../../src/workers/protocol.ts'
import { makeEstimate, makeReservation, moneyCap } from '../helpers/ledger.ts'

/** Told to reload, it opens a request with a quota, and dies before it is answered. */
const { calls }: ThreadSetup = workerData
const main = createCalls<ThreadCalls, MainCalls>(calls, {
  async reload() {
    const opening = createRemoteLedger(main).open(
      makeReservation({
        id: 'req_never_made',
        caps: [moneyCap(1, { unit: 'requests' }), moneyCap(1000)],
        estimate: () => makeEstimate(12),
      }),
    )
    opening.catch(() => {})
    // The main thread has it.
    await main.ask('ledgerState', null)
    process.exit(1)
  },
  metrics: () => [],
  stop: () => process.exit(0),
})
main.tell('listening', null)
