import { parentPort, workerData } from 'node:worker_threads'

import { openSharedTotals } from '../../src/workers/shared-totals.ts'

interface Setup {
  readonly memory: SharedArrayBuffer
  readonly threads: number
  readonly thread: number
  readonly rounds: number
  readonly limit: number
  readonly bodyLimit: number
  /** How many threads are between taking and giving back, and how many have begun. */
  readonly seen: SharedArrayBuffer
}

/** Takes, and of one of the two gives back, as fast as it can, beside others that do the same. */
const setup: Setup = workerData
const { requests, bodyKib } = openSharedTotals(setup.memory, setup)
const seen = new Int32Array(setup.seen)
const INSIDE = 0
const BEGUN = 1
Atomics.add(seen, BEGUN, 1)
while (Atomics.load(seen, BEGUN) < setup.threads);

let most = 0
let kept = 0
for (let round = 0; round < setup.rounds; round++) {
  if (bodyKib.take(3, setup.bodyLimit)) kept += 3
  if (!requests.take(1, setup.limit)) continue
  most = Math.max(most, Atomics.add(seen, INSIDE, 1) + 1)
  Atomics.sub(seen, INSIDE, 1)
  requests.giveBack(1)
}
parentPort?.postMessage({ most, kept }, [])
