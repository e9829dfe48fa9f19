import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

import { startDemoUpstream } from '../src/demo/upstream.ts'
import { attachSqliteLedger } from '../src/stores/sqlite-ledger/attach.ts'
import type { LedgerEntry } from '../src/usage/ledger-entry.ts'
import {
  type BillingResult,
  type Both,
  compareBooks,
  errorOf,
  findFaults,
} from './billing/compare.ts'
import { formatPrices } from './billing/prices.ts'
import { planTraffic, sendAll, type TrafficPlan } from './billing/traffic.ts'

const SERVER = fileURLToPath(new URL('../src/server.ts', import.meta.url))
const CREDENTIAL = 'hk-test-the-key-of-the-billing-benchmark'
const TOKEN = 'ks-test-billing'
const PRICES = 'prices.yaml'

/** Between events of the streams whose clients stay. */
const PACE_MS = 2
const READY = /listening at (http:\/\/[^"]+)/

const SHOWN_FAULTS = 10

/** Sends mixed requests through a real Keystow to the built-in upstream, and compares their books. */
export async function measureBilling(plan: TrafficPlan): Promise<BillingResult> {
  const folder = mkdtempSync(join(tmpdir(), 'keystow-billing-'))
  writeFileSync(join(folder, PRICES), formatPrices())
  const upstream = await startDemoUpstream({ credential: CREDENTIAL, paceMs: PACE_MS })
  const server = startServer(folder, upstream.origin)
  try {
    const origin = await server.origin
    const left = await sendAll({ origin, token: TOKEN }, planTraffic(plan))
    server.signal('SIGTERM')
    await server.ended
    return compareBooks({ entries: await readEntries(folder), bill: upstream.bill(), left })
  } finally {
    server.signal('SIGKILL')
    await server.ended
    await upstream.close()
    rmSync(folder, { recursive: true, force: true })
  }
}

function startServer(folder: string, upstreamUrl: string) {
  const child = spawn(process.execPath, [SERVER], {
    cwd: folder,
    env: {
      PATH: process.env['PATH'] ?? '',
      UPSTREAM_URL: upstreamUrl,
      UPSTREAM_API_KEY: CREDENTIAL,
      CLIENT_TOKENS: `bench:${TOKEN}`,
      DATA_DIR: folder,
      PRICING_FILE: join(folder, PRICES),
      PORT: '0',
      RATE_LIMIT_PER_MINUTE: '0',
      CONCURRENCY_LIMIT: '0',
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  const origin = new Promise<string>((resolve, reject) => {
    child.stdout.on('data', (chunk: Buffer) => {
      const found = READY.exec(chunk.toString())?.[1]
      if (found !== undefined) resolve(found)
    })
    void ended.then(() => reject(new Error('Keystow ended')))
  })
  return { origin, ended, signal: (name: NodeJS.Signals) => void child.kill(name) }
}

async function readEntries(folder: string): Promise<LedgerEntry[]> {
  const ledger = attachSqliteLedger({ folder, timeZone: 'UTC' })
  const entries: LedgerEntry[] = []
  for await (const entry of ledger.entries({ from: 0, to: Date.now() + 1000 })) entries.push(entry)
  await ledger.close()
  return entries
}

/** Prints the comparison; false when the ledger is not what it says it is. */
export async function runBilling(plan: TrafficPlan): Promise<boolean> {
  const result = await measureBilling(plan)
  const faults = findFaults(result, plan)
  const off = (both: Both): string => `${(100 * errorOf(both)).toFixed(1)} %`
  const { requests, left, exact, wrong, estimated, tokens, outputTokens, micros, fullMicros } =
    result
  const lines = [
    `${requests} requests of seed ${plan.seed}; the clients of ${left} streams left`,
    `exact: ${exact} entries of ${result.exactMicros} micros, of which ${wrong.length} numbers differ from the upstream's bill`,
    `estimated: ${estimated} entries; of clients that stayed: ${result.estimatedOfStayed}`,
    `their sums are off by ${off(tokens)} in tokens, ${off(outputTokens)} in tokens of output alone, ${off(fullMicros)} in cost, and ${off(micros)} in cost beside a bill with its discount for cached input, which is never told of them`,
    `without a line in the other book: ${result.unmatched}`,
    ...faults.slice(0, SHOWN_FAULTS).map((fault) => `FAILED: ${fault}`),
  ]
  process.stdout.write(lines.map((line) => `${line}\n`).join(''))
  return faults.length === 0
}
