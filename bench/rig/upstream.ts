import type { ChildProcess } from 'node:child_process'

import { startChild, stopChild } from './child.ts'

/** The benchmark's upstream, running. */
export interface Upstream {
  readonly port: number
  readonly pid: number
  /** The certificate to trust, of an upstream with TLS. */
  readonly caFile: string | undefined
  /** At which nanosecond of the monotonic clock it saw a stream's client leave; kept until it is asked. */
  takeLeft(id: number): number | undefined
  stop(): Promise<void>
}

interface UpstreamOptions {
  readonly program: string
  readonly certificate?: { readonly cert: string; readonly key: string } | undefined
  readonly core: number
  readonly folder: string
}

export async function startUpstream(options: UpstreamOptions): Promise<Upstream> {
  const { program, certificate, core, folder } = options
  const files = certificate === undefined ? [] : [certificate.cert, certificate.key]
  const child = startChild([program, ...files], { core, cwd: folder })
  const left = new Map<number, number>()
  const port = await readLines(child, (line) => {
    const [, id, ns] = /^left (\d+) (\d+)$/.exec(line) ?? []
    if (id !== undefined) left.set(Number(id), Number(ns))
  })
  return {
    port,
    pid: child.pid ?? 0,
    caFile: certificate?.cert,
    takeLeft(id) {
      const ns = left.get(id)
      left.delete(id)
      return ns
    },
    stop: () => stopChild(child),
  }
}

/** Resolves with the port that it says it listens on. */
function readLines(child: ChildProcess, onLine: (line: string) => void): Promise<number> {
  return new Promise((resolve, reject) => {
    child.once('exit', (code) => reject(new Error(`the upstream ended with ${code}`)))
    let rest = ''
    child.stdout?.on('data', (chunk: Buffer) => {
      const lines = (rest + chunk.toString()).split('\n')
      rest = lines.pop() ?? ''
      for (const line of lines) {
        const port = /^listening at https?:\/\/127\.0\.0\.1:(\d+)$/.exec(line)?.[1]
        if (port === undefined) onLine(line)
        else resolve(Number(port))
      }
    })
  })
}
