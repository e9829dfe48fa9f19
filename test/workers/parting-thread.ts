import { type MessagePort, workerData } from 'node:worker_threads'

import { createCalls } from '../../src/workers/calls.ts'

/** Says something, and is gone. */
const port: MessagePort = workerData
const main = createCalls(port, {})
process.on('exit', () => main.flush())
main.tell('note', 'first')
await Promise.resolve()
main.tell('note', 'last')
await Promise.resolve()
process.exit(0)
