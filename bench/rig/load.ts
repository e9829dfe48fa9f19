import { once } from 'node:events'

import { startChild } from './child.ts'

/** Microseconds; only a count where there is none. */
export interface Percentiles {
  readonly count: number
  readonly mean?: number
  readonly p50?: number
  readonly p99?: number
  readonly max?: number
}

/** What bench/native/load.c prints. */
export interface LoadResult {
  readonly seconds: number
  readonly answers: number
  readonly events: number
  /** Of the bodies that were read, without their chunks' frames. */
  readonly bytes: number
  readonly opened: number
  /** Connections that still stood at the end. */
  readonly alive: number
  readonly errors: number
  readonly error: string
  readonly reconnects: number
  /** Of those that send nothing, or do not read on. */
  readonly closedByPeer: number
  readonly cpuUs: number
  readonly upstreamCpuUs: number
  readonly loadCpuUs: number
  readonly latency: Percentiles
  readonly first: Percentiles
  /** From an event's leaving the upstream to its being read. */
  readonly added: Percentiles
  /** From one event of a stream to the next. */
  readonly gap: Percentiles
  /** Which stream left, and at which nanosecond of the monotonic clock. */
  readonly left: readonly (readonly [id: number, ns: number])[]
}

/** As in bench/native/load.c, where each is explained. */
export interface LoadPlan {
  readonly mode: 'json' | 'stream' | 'idle'
  readonly conns: number
  readonly warm?: number
  readonly ms?: number
  readonly body?: number
  readonly events?: number
  readonly pace?: number
  readonly wait?: number
  readonly again?: number
  readonly spread?: number
  readonly stall?: 1
  readonly leave?: number
}

interface LoadTarget {
  readonly port: number
  readonly pids: readonly number[]
  readonly upstreamPid: number
}

export interface RunningLoad {
  /** Everything is open and warm. */
  readonly begun: Promise<void>
  readonly result: Promise<LoadResult>
  /** Ends it now. */
  stop(): Promise<LoadResult>
}

interface LoadPlace {
  readonly program: string
  readonly core: number
  readonly folder: string
}

export function startLoad(plan: LoadPlan, target: LoadTarget, place: LoadPlace): RunningLoad {
  const { mode, ...options } = plan
  const { port, pids, upstreamPid } = target
  const words = Object.entries({ port, ...options, pids: pids.join(), upstream: upstreamPid })
  const child = startChild(
    [place.program, mode, ...words.map(([name, value]) => `${name}=${value}`)],
    { core: place.core, cwd: place.folder },
  )
  let output = ''
  let reportBegin = (): void => {}
  const begun = new Promise<void>((resolve) => (reportBegin = resolve))
  child.stdout?.on('data', (chunk: Buffer) => {
    output += chunk.toString()
    if (output.startsWith('begin\n')) reportBegin()
  })
  const result = once(child, 'close').then(() => {
    reportBegin()
    const line = output.split('\n').find((text) => text.startsWith('{'))
    if (line === undefined) throw new Error(`the load ended without a result: ${output}`)
    return parseResult(line)
  })
  // It may fail while its reader still waits for something else.
  result.catch(() => {})
  return {
    begun,
    result,
    stop() {
      child.stdin?.end()
      return result
    },
  }
}

function parseResult(line: string): LoadResult {
  const result: LoadResult = JSON.parse(line)
  return result
}
