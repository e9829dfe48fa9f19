import { parentPort, workerData } from 'node:worker_threads'

import type { FromWorker, ToWorker } from '../../src/stores/sqlite-ledger/protocol.ts'

/** Stands in for the ledger's worker: enters one segment and dies of its first question; does better then. */
const isFirst = workerData.firstSegment === 1

const post = (message: FromWorker): void => parentPort?.postMessage(message, [])

parentPort?.on('message', (message: ToWorker) => {
  if (message.type !== 'call') {
    return post({ type: 'entered', position: { segment: 2, offset: 0 } })
  }
  if (isFirst) throw new Error('the worker died')
  post({ type: 'answer', id: message.id, answer: { name: 'counters', value: [42] } })
})
