import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import type { Contender, ContenderId } from '../contenders/contender.ts'
import { buildServer } from './build-server.ts'
import { endChildrenWithProcess, startChild, stopChild } from './child.ts'
import { type LoadPlan, type LoadResult, type RunningLoad, startLoad } from './load.ts'
import { memoryKb, processTree } from './process.ts'
import { buildNative } from './native.ts'
import { startUpstream, type Upstream } from './upstream.ts'

/** The proxy has one core, what stands on both sides of it the other. */
export const PROXY_CORE = 0
const REST_CORE = 1

const START_WITHIN_MS = 20_000
const ASK_AGAIN_MS = 2
const SHOWN_OUTPUT = 1_000

/** A contender that runs, or the upstream itself, and how to load it. */
export interface Target {
  readonly id: ContenderId
  readonly startMs: number
  readonly child: ChildProcess | undefined
  readonly upstream: Upstream
  /** It and its children. */
  pids(): number[]
  memoryKb(): number
  startLoad(plan: LoadPlan): RunningLoad
  /** Loads it, and does not take an answer that is none. */
  load(plan: LoadPlan): Promise<LoadResult>
  stop(): Promise<void>
}

export interface StartOptions {
  readonly isTls?: boolean
  readonly core?: number | string
  readonly hasChannel?: boolean
  readonly env?: Readonly<Record<string, string>>
}

export interface Stage {
  readonly hasTls: boolean
  readonly folder: string
  readonly node: string
  start(contender: Contender, options?: StartOptions): Promise<Target>
  /** The upstream without anything before it. */
  direct(): Target
}

/** Compiles the programs, starts the upstreams, and starts contenders in front of them when it is asked to. */
export async function createStage(node: string): Promise<Stage> {
  const folder = mkdtempSync(join(tmpdir(), 'keystow-bench-'))
  endChildrenWithProcess()
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
  const native = buildNative(folder)
  await buildServer()
  const { certificate } = native
  const place = { program: native.upstream, core: REST_CORE, folder }
  const plain = await startUpstream(place)
  const tls = certificate && (await startUpstream({ ...place, certificate }))

  function target(
    about: Pick<Target, 'id' | 'startMs' | 'child' | 'upstream'>,
    port: number,
  ): Target {
    const pids = (): number[] =>
      about.child === undefined ? [] : processTree(about.child.pid ?? 0)
    const loadPlace = { program: native.load, core: REST_CORE, folder }
    const start = (plan: LoadPlan): RunningLoad =>
      startLoad(plan, { port, pids: pids(), upstreamPid: about.upstream.pid }, loadPlace)
    return {
      ...about,
      pids,
      memoryKb: () => memoryKb(pids()),
      startLoad: start,
      load: async (plan) => demandNoError(await start(plan).result),
      stop: async () => about.child && stopChild(about.child),
    }
  }

  return {
    hasTls: tls !== undefined,
    folder,
    node,
    direct: () =>
      target({ id: 'direct', startMs: 0, child: undefined, upstream: plain }, plain.port),
    async start(contender, { isTls = false, core = PROXY_CORE, hasChannel = false, env } = {}) {
      const upstream = isTls && tls !== undefined ? tls : plain
      const port = await findFreePort()
      // Not by its port, which the system gives out again.
      const own = mkdtempSync(join(folder, `${contender.id}-`))
      const launch = contender.launch({
        port,
        upstreamPort: upstream.port,
        caFile: upstream.caFile,
        folder: own,
        node,
      })
      const log = join(own, 'output.log')
      const startedAt = performance.now()
      const child = startChild(launch.command, {
        core,
        cwd: own,
        env: { ...launch.env, ...env },
        log,
        hasChannel,
      })
      await waitUntilServed(port, child, log)
      const startMs = performance.now() - startedAt
      return target({ id: contender.id, startMs, child, upstream }, port)
    },
  }
}

export function demandNoError(result: LoadResult): LoadResult {
  if (result.errors > 0) throw new Error(`${result.errors} errors, the first: ${result.error}`)
  return result
}

async function findFreePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  if (address === null || typeof address === 'string') throw new Error('no free port')
  return address.port
}

/** Asks until there is an answer of 200. */
async function waitUntilServed(port: number, child: ChildProcess, log: string): Promise<void> {
  const giveUpAt = performance.now() + START_WITHIN_MS
  while (child.exitCode === null && performance.now() < giveUpAt) {
    if (await isServed(port)) return
    await new Promise((resolve) => setTimeout(resolve, ASK_AGAIN_MS))
  }
  await stopChild(child)
  const output = readFileSync(log, 'utf8').slice(-SHOWN_OUTPUT)
  throw new Error(`did not serve, and wrote:\n${output}`)
}

const BODY = '{"model":"bench"}'
const REQUEST =
  'POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer ks-bench-client\r\n' +
  `content-type: application/json\r\ncontent-length: ${BODY.length}\r\nconnection: close\r\n\r\n${BODY}`

function isServed(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(REQUEST))
    socket.once('data', (chunk) => {
      socket.destroy()
      resolve(chunk.toString('latin1').startsWith('HTTP/1.1 200'))
    })
    socket.once('error', () => resolve(false))
    socket.once('close', () => resolve(false))
  })
}
