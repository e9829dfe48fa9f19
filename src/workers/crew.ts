import { MessageChannel, Worker } from 'node:worker_threads'

import type { Logger } from 'pino'
import { AggregatorRegistry } from 'prom-client'

import { createClientToken } from '../clients/client-token.ts'
import type { Metrics } from '../metrics.ts'
import { type Calls, createCalls } from './calls.ts'
import { type ServedLedger, serveLedger, type ServingLedger } from './ledger-calls.ts'
import {
  COUNTERS_PER_KIND,
  type MainCalls,
  type ThreadCalls,
  type ThreadSetup,
} from './protocol.ts'
import { createSharedMemory, openSharedCounters } from './shared-counters.ts'
import { createTotalsMemory, openSharedTotals } from './shared-totals.ts'

const THREAD_SCRIPT = new URL('../thread.ts', import.meta.url)
const RESTART_MS = 1000

/** How soon it is tried again where one that takes another's place does not come to listen. */
const RETRY_MS = 3000

interface CrewOptions {
  readonly threads: number
  /** The port that all of them listen on. */
  readonly port: number
  /** The token that stands in for clients when there are none. */
  readonly spareToken?: string | undefined
  readonly ledger: ServingLedger
  readonly logger: Logger
  /** The main thread's own. */
  readonly metrics: Metrics
  /** A thread has ended, or has had too many unexpected errors to go on. */
  readonly onTrouble: (error: unknown, origin: string) => void
  readonly onStorm: () => void
  readonly script?: URL
}

/** The threads that serve, one event loop each, and what they share. */
export interface Crew {
  /** Resolves when all of them listen; rejects when one ends before. */
  readonly started: Promise<void>
  reload(reason: string): void
  /** The metrics of all of them and the main thread, in Prometheus text. */
  exposition(): Promise<string>
  /** Drains all of them; resolves when they have ended. */
  stop(reason: string): Promise<void>
}

interface Member {
  readonly worker: Worker
  readonly calls: Calls<ThreadCalls>
  readonly served: ServedLedger
  readonly ended: Promise<void>
}

export function startCrew(options: CrewOptions): Crew {
  const { threads, port, logger, metrics, spareToken = createClientToken() } = options
  const shape = { threads, perKind: COUNTERS_PER_KIND }
  const memory = createSharedMemory(shape)
  const counters = openSharedCounters(memory, { ...shape, thread: 0 })
  const totalsMemory = createTotalsMemory(threads)
  const totals = openSharedTotals(totalsMemory, { threads, thread: 0 })
  const members: Member[] = []
  const listening = new Set<number>()
  /** Those that have: whatever comes in their place is not the start of the process. */
  const haveListened = new Set<number>()
  let isStopping = false
  let reportStarted = (): void => {}
  let reportFailed = (_error: Error): void => {}
  const started = new Promise<void>((resolve, reject) => {
    reportStarted = resolve
    reportFailed = reject
  })

  /** One that ends meanwhile is left out: nobody who reads metrics waits for it. */
  async function exposition(): Promise<string> {
    const answers = await Promise.allSettled(members.map(({ calls }) => calls.ask('metrics', null)))
    const found = answers.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []))
    const own = await metrics.registry.getMetricsAsJSON()
    return AggregatorRegistry.aggregate([own, ...found]).metrics()
  }

  function start(thread: number): Member {
    const { port1, port2 } = new MessageChannel()
    const served = serveLedger(options.ledger, (err, requestId) =>
      logger.error({ err, worker: thread, requestId }, 'not in the ledger'),
    )
    const calls: Calls<ThreadCalls> = createCalls<MainCalls, ThreadCalls>(port1, {
      ...served.handlers,
      exposition,
      storm: () => options.onStorm(),
      listening() {
        listening.add(thread)
        haveListened.add(thread)
        if (listening.size === threads) reportStarted()
      },
    })
    const setup: ThreadSetup = {
      thread,
      threads,
      calls: port2,
      memory,
      totalsMemory,
      spareToken,
      port,
    }
    const worker = new Worker(options.script ?? THREAD_SCRIPT, {
      workerData: setup,
      transferList: [port2],
    })
    let failure: unknown
    worker.on('error', (error) => (failure = error))
    const ended = new Promise<void>((resolve) => {
      worker.once('exit', () => {
        calls.close()
        void clearUp(thread, served, failure).then(resolve)
      })
    })
    return { worker, calls, served, ended }
  }

  async function clearUp(thread: number, served: ServedLedger, failure: unknown): Promise<void> {
    counters.releaseThread(thread)
    totals.releaseThread(thread)
    const lost = await served.settleLost()
    if (isStopping) return
    if (!haveListened.has(thread)) return reportFailed(toError(failure))
    const wasListening = listening.delete(thread)
    if (wasListening) {
      logger.error({ worker: thread, lost }, 'a worker has ended: another takes its place')
      options.onTrouble(failure, 'worker')
    } else {
      logger.error(
        { worker: thread, err: toError(failure) },
        'a worker cannot be started: it is tried again',
      )
    }
    setTimeout(
      () => {
        if (!isStopping) members[thread] = start(thread)
      },
      wasListening ? RESTART_MS : RETRY_MS,
    )
  }

  for (let thread = 0; thread < threads; thread++) members.push(start(thread))
  return {
    started,
    exposition,
    reload: (reason) => members.forEach(({ calls }) => calls.tell('reload', reason)),
    async stop(reason) {
      isStopping = true
      for (const { calls } of members) calls.tell('stop', reason)
      await Promise.all(members.map(({ ended }) => ended))
    },
  }
}

const toError = (failure: unknown): Error =>
  failure instanceof Error ? failure : new Error('a worker ended before it listened')
