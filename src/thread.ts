import { isatty } from 'node:tty'
import { workerData } from 'node:worker_threads'

import type { FastifyListenOptions } from 'fastify'

import { parseConfig } from './config/load.ts'
import { readServerInputs } from './config/read-inputs.ts'
import { createSecretFiles } from './config/secret-sources.ts'
import { describeGeneratedToken } from './generated-token.ts'
import { openLogDestination } from './log-destination.ts'
import { createSecret } from './secret.ts'
import { prepareServing } from './serve.ts'
import { createServices } from './services.ts'
import { createSharedLimitStore } from './stores/shared-limit-store.ts'
import { createUnexpectedErrors } from './unexpected-errors.ts'
import { type Calls, createCalls } from './workers/calls.ts'
import { createRemoteLedger } from './workers/ledger-calls.ts'
import {
  COUNTERS_PER_KIND,
  type MainCalls,
  type ThreadCalls,
  type ThreadSetup,
} from './workers/protocol.ts'
import { openSharedCounters } from './workers/shared-counters.ts'
import { openSharedTotals } from './workers/shared-totals.ts'

/** Fastify hands what it does not know to `net`. */
interface SharedAddress extends FastifyListenOptions {
  readonly reusePort: boolean
}

const setup: ThreadSetup = workerData
const { thread, threads } = setup
const readInputs = () => readServerInputs(process.env)
const inputs = readInputs()
const files = createSecretFiles()
const spareToken = createSecret(setup.spareToken)
const { config, problems } = parseConfig(inputs.env, inputs.file, { files, spareToken })
// The main thread has just read the same.
if (config === undefined) throw new Error(`the configuration has changed: ${problems.join('; ')}`)

const main: Calls<MainCalls> = createCalls<ThreadCalls, MainCalls>(setup.calls, {
  reload: (reason) => serving.reload(reason),
  metrics: () => services.metrics.registry.getMetricsAsJSON(),
  async stop(reason) {
    await serving.drain(reason)
    process.exit(0)
  },
})
// What is told goes out when its turn ends, and the thread may end before.
process.on('exit', () => main.flush())
const counters = openSharedCounters(setup.memory, { thread, threads, perKind: COUNTERS_PER_KIND })
const services = createServices(config, {
  destination: await openLogDestination({
    // A thread's `process.stdout` is a stream to the main thread, and no terminal.
    isTerminal: isatty(1),
    onExit: (listener) => process.on('exit', listener),
  }),
  shared: {
    worker: thread,
    counters: createSharedLimitStore(counters, sharedNow),
    totals: openSharedTotals(setup.totalsMemory, { threads, thread }),
    ledger: createRemoteLedger(main),
    exposition: () => main.ask('exposition', null),
  },
})
const serving = await prepareServing({
  config,
  services,
  inputs,
  files,
  readInputs,
  onGeneratedToken(next) {
    if (thread === 0) process.stderr.write(describeGeneratedToken(next, setup.port))
  },
})
const onUnexpectedError = createUnexpectedErrors({
  ...services,
  onStorm: () => main.tell('storm', null),
})

// Each thread has a socket of its own on the same port, and the kernel gives each its share of the connections.
const address: SharedAddress = { host: config.host, port: setup.port, reusePort: true }
await serving.app.listen(address)
process.on('uncaughtException', onUnexpectedError)
main.tell('listening', null)

/** Each thread's `performance.now` begins with the thread. */
function sharedNow(): number {
  const [seconds, nanoseconds] = process.hrtime()
  return seconds * 1e3 + nanoseconds / 1e6
}
