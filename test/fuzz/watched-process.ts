import { type ChildProcess, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

import { createFolder } from '../helpers/folder.ts'
import { openFiles, readProc } from '../helpers/open-files.ts'
import { START_FLAGS } from '../helpers/start-flags.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

/** Keystow as a process of its own, and what it takes of the machine. */
export interface WatchedProcess {
  readonly child: ChildProcess
  readonly port: number
  /** Rejects when the process ends before it is stopped. */
  readonly ended: Promise<never>
  rssMb(): number
  /** File descriptors that are open; of a process that has ended, none. */
  fds(): number
  /** What they are, one word each. */
  openFiles(): string[]
  stop(): Promise<void>
}

interface WatchOptions {
  readonly env: Readonly<Record<string, string>>
  /** Gets all that the process writes. */
  readonly onOutput: (text: string) => void
}

/** Starts `src/server.ts` with nothing but this environment; resolves when it listens. */
export async function startWatched({ env, onOutput }: WatchOptions): Promise<WatchedProcess> {
  const child = spawn(process.execPath, [...START_FLAGS, join(ROOT, 'src/server.ts')], {
    // An empty folder: no developer's .env counts, and the ledger is gone afterwards.
    cwd: createFolder(),
    env: { PATH: process.env['PATH'] ?? '', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const kill = (): void => void child.kill('SIGKILL')
  process.once('exit', kill)
  let isStopping = false
  let lastWords = ''
  const exited = new Promise<string>((resolve) => {
    child.once('close', (code, signal) => resolve(`ended with ${code ?? signal}: ${lastWords}`))
  })
  const ended = exited.then((how) => {
    if (isStopping) return new Promise<never>(() => {})
    throw new Error(`Keystow ${how}`)
  })
  ended.catch(() => {})
  const listening = new Promise<number>((resolve) => {
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        lastWords = (lastWords + text).slice(-4000)
        const port = /listening at http:\/\/[^"]*:(\d+)/.exec(text)?.[1]
        if (port !== undefined) resolve(Number(port))
        onOutput(text)
      })
    }
  })
  const { pid = 0 } = child
  return {
    child,
    ended,
    port: await Promise.race([listening, ended]),
    rssMb: () =>
      Number(
        /VmRSS:\s+(\d+) kB/.exec(
          readProc(() => readFileSync(`/proc/${pid}/status`, 'utf8')) ?? '',
        )?.[1] ?? 0,
      ) / 1024,
    fds: () => openFiles(pid).length,
    openFiles: () => openFiles(pid),
    async stop() {
      isStopping = true
      kill()
      await exited
      process.off('exit', kill)
    },
  }
}

/** Resolves when the ledger is open, which the process opens behind everything else; what is open then stays open. */
export async function waitForLedger(keystow: WatchedProcess): Promise<void> {
  const isOpen = (): boolean => keystow.openFiles().some((file) => file.endsWith('/ledger.db-wal'))
  for (let tries = 0; tries < 100 && !isOpen(); tries++) {
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}
