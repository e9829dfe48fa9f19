import { parentPort, workerData } from 'node:worker_threads'

import { openSharedCounters, type SharedCountersShape } from '../../src/workers/shared-counters.ts'

interface Setup extends SharedCountersShape {
  readonly memory: SharedArrayBuffer
  readonly thread: number
  readonly rounds: number
}

/** Counts and takes places as fast as it can, beside others that do the same. */
const setup: Setup = workerData
const counters = openSharedCounters(setup.memory, setup)
let taken = 0
for (let round = 0; round < setup.rounds; round++) {
  counters.use('client:a', 0, (counter) => counter.count++)
  if (counters.use('client:b', 0, (places) => places.take(100)) !== undefined) taken++
  counters.use(`address:${round % 50}`, 0, (counter) => {
    counter.endsAt = 1
    counter.count++
  })
}
parentPort?.postMessage(taken, [])
