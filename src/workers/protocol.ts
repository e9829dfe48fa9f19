import type { MessagePort } from 'node:worker_threads'

import type { LedgerCalls } from './ledger-calls.ts'

/** What a thread that serves is started with. */
export interface ThreadSetup {
  /** From 0. */
  readonly thread: number
  readonly threads: number
  /** Where threads and the main thread call each other. */
  readonly calls: MessagePort
  /** The counters that limits are kept under. */
  readonly memory: SharedArrayBuffer
  /** What is counted for all of them. */
  readonly totalsMemory: SharedArrayBuffer
  /** The client token that all threads take when none is configured. */
  readonly spareToken: string
  /** The port that all threads listen on. */
  readonly port: number
}

/** What a thread asks the main thread. */
export type MainCalls = LedgerCalls & {
  readonly listening: { readonly input: null; readonly output: void }
  /** It has had too many unexpected errors to go on. */
  readonly storm: { readonly input: null; readonly output: void }
  /** The metrics of all threads, in Prometheus text. */
  readonly exposition: { readonly input: null; readonly output: string }
}

/** What the main thread asks a thread. */
export type ThreadCalls = {
  readonly reload: { readonly input: string; readonly output: void }
  /** Drains and ends. */
  readonly stop: { readonly input: string; readonly output: void }
  /** Its own metrics, in prom-client's JSON. */
  readonly metrics: { readonly input: null; readonly output: object }
}

/** How many names of a kind have a counter of their own at once, in all threads. */
export const COUNTERS_PER_KIND = 200_000
