import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises'

import type { LedgerStore } from '../src/stores/ledger-store.ts'
import { createSqliteLedgerStore } from '../src/stores/sqlite-ledger/store.ts'
import type { BudgetCap, Reservation } from '../src/usage/budget.ts'
import { NO_USAGE } from '../src/usage/usage.ts'

export const RATE_PER_SECOND = 5000
const SECONDS = 10
/** Requests that run at once, and how often all of them end, where the loop does nothing else. */
const BUSY_REQUESTS = 32
const BUSY_ROUNDS = 600
const BUSY_REPEATS = 8
const WARM_UP_SECONDS = 3
const CLIENTS = 200

/** A client's and the instance's, by day and by month: all that can be checked. */
const makeCaps = (): BudgetCap[] =>
  (['client', 'instance'] as const).flatMap((scope) =>
    (['day', 'month'] as const).flatMap((period) => [
      { scope, period, unit: 'money', cap: Number.MAX_SAFE_INTEGER },
      { scope, period, unit: 'requests', cap: Number.MAX_SAFE_INTEGER },
    ]),
  )

/** What the embedded ledger costs the event loop. */
export interface LedgerFigures {
  readonly p99Ms: number
  readonly p99WithoutMs: number
  /** Of the event loop's thread, an entry; a loop that does nothing else wakes up for each few of them. */
  readonly cpuUs: number
  /** The same of a loop that is busy, with the entries of a turn together. */
  readonly busyCpuUs: number
  /** The longest wait of an entry for the database. */
  readonly lagMs: number
}

/** The embedded ledger at five thousand requests a second, as a table. */
export async function runLedger(): Promise<string> {
  const { p99Ms, p99WithoutMs, cpuUs, busyCpuUs, lagMs } = await measureLedger()
  return [
    `| | ${RATE_PER_SECOND.toLocaleString('en-US')} entries a second |`,
    '|---|---|',
    `| Event loop delay, p99 | ${p99Ms.toFixed(2)} ms (without the ledger: ${p99WithoutMs.toFixed(2)} ms) |`,
    `| Processor time of the event loop’s thread, an entry | ${cpuUs.toFixed(1)} µs |`,
    `| The same in a busy loop | ${busyCpuUs.toFixed(1)} µs |`,
    `| Longest wait of an entry for the database | ${lagMs.toFixed(0)} ms |`,
  ].join('\n')
}

export async function measureLedger(): Promise<LedgerFigures> {
  const folder = mkdtempSync(join(tmpdir(), 'keystow-bench-'))
  const store = createSqliteLedgerStore({
    folder,
    timeZone: 'Asia/Shanghai',
    retentionDays: 90,
    onNotice() {},
  })
  try {
    await runRequests(store, WARM_UP_SECONDS)
    const without = await measure(() => runRequests(NO_LEDGER, SECONDS))
    const busy = await measure(() => runRequests(store, SECONDS))
    const entries = RATE_PER_SECOND * SECONDS
    const busyWithoutUs = await measureBusy(NO_LEDGER)
    return {
      busyCpuUs: (await measureBusy(store)) - busyWithoutUs,
      p99Ms: busy.p99Ms,
      p99WithoutMs: without.p99Ms,
      cpuUs: (busy.cpuUs - without.cpuUs) / entries,
      lagMs: busy.lagMs,
    }
  } finally {
    await store.close()
    rmSync(folder, { recursive: true })
  }

  async function measure(work: () => Promise<unknown>) {
    const histogram = monitorEventLoopDelay({ resolution: 1 })
    let lagMs = 0
    const watch = setInterval(() => {
      lagMs = Math.max(lagMs, store.stats().lagMs)
    }, 10)
    const before = process.threadCpuUsage()
    histogram.enable()
    await work()
    histogram.disable()
    clearInterval(watch)
    const { user, system } = process.threadCpuUsage(before)
    return { p99Ms: histogram.percentile(99) / 1e6, cpuUs: user + system, lagMs }
  }
}

/** The least of some repeats, as for every loop here. */
async function measureBusy(store: Ledger): Promise<number> {
  let best = Number.POSITIVE_INFINITY
  for (let repeat = 0; repeat < BUSY_REPEATS; repeat++) {
    const before = process.threadCpuUsage()
    for (let round = 0; round < BUSY_ROUNDS; round++) {
      const running = Array.from({ length: BUSY_REQUESTS }, (_, i) =>
        runRequest(store, i, nextTurn),
      )
      await Promise.all(running)
    }
    const { user, system } = process.threadCpuUsage(before)
    best = Math.min(best, (user + system) / (BUSY_ROUNDS * BUSY_REQUESTS))
  }
  return best
}

/** As many as are due by now, every millisecond. */
async function runRequests(store: Ledger, seconds: number): Promise<void> {
  const startedAt = performance.now()
  const running: Promise<void>[] = []
  for (let started = 0; started < RATE_PER_SECOND * seconds;) {
    const due = ((performance.now() - startedAt) / 1000) * RATE_PER_SECOND
    for (; started < due; started++) running.push(runRequest(store, started))
    await sleep(1)
  }
  await Promise.all(running)
}

const CAPS = Array.from({ length: CLIENTS }, makeCaps)

type Ledger = Pick<LedgerStore, 'open' | 'settle'>

const NO_LEDGER: Ledger = {
  open: async () => ({ isGranted: true, grantedMicros: 0 }),
  settle: async () => {},
}

let requests = 0

const wait = (): Promise<void> => sleep(20)

async function runRequest(store: Ledger, index: number, whileItRuns = wait): Promise<void> {
  const reservation: Reservation = {
    id: `req_${String(++requests).padStart(32, '0')}`,
    at: Date.now(),
    clientId: `client-${index % CLIENTS}`,
    model: 'gpt-4o-mini',
    path: '/v1/chat/completions',
    currency: 'CNY',
    caps: CAPS[index % CLIENTS] ?? [],
    minimumMicros: 500,
    wantedMicros: 500,
    estimate: () => ({ ...NO_USAGE, inputTokens: 100, costMicros: 500 }),
  }
  await store.open(reservation)
  await whileItRuns()
  await store.settle({
    ...NO_USAGE,
    id: reservation.id,
    at: reservation.at,
    clientId: reservation.clientId,
    model: reservation.model,
    path: reservation.path,
    currency: 'CNY',
    status: 200,
    costMicros: 1234,
    isEstimated: false,
    firstByteMs: 120,
    durationMs: 4321,
    bytes: 12_345,
    ending: 'completed',
    upstreamRequestId: 'req_0123456789abcdef',
    inputTokens: 100,
    outputTokens: 300,
  })
}
