import { type ChildProcess, type ChildProcessByStdio, spawn } from 'node:child_process'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'

import { onTestFinished } from 'vitest'

import { createFolder } from './folder.ts'
import { keepOutput } from './kept-output.ts'
import { createNpmFolder, npmEnvironment } from './npm.ts'
import { START_FLAGS } from './start-flags.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

export interface KeystowProcess {
  readonly child: ChildProcess
  /** Everything written so far. */
  stdout(): string
  stderr(): string
  /** Resolves with the exit code, or the signal that ended it. */
  readonly exited: Promise<number | NodeJS.Signals | null>
  /** Resolves once the text has been written to either output. */
  waitFor(text: string | RegExp): Promise<void>
  /** Resolves when anything more is written. */
  waitForMore(): Promise<void>
}

interface StartOptions {
  readonly env?: Readonly<Record<string, string>>
  readonly args?: readonly string[]
  readonly script?: string
  /** The folder it runs in; an empty one when absent, so that no developer's .env counts. */
  readonly cwd?: string
}

/** Runs a script of the repository as its own process with nothing but the given environment; ends with the test. */
export function startProcess(options: StartOptions = {}): KeystowProcess {
  const { env = {}, args = [], script = 'src/server.ts' } = options
  const child = spawn(process.execPath, [...START_FLAGS, join(ROOT, script), ...args], {
    cwd: options.cwd ?? createFolder(),
    env: { PATH: process.env['PATH'] ?? '', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  return follow(child, () => child.kill('SIGKILL'))
}

/** Runs one of the scripts in package.json by npm, as people and supervisors do; its whole group ends with the test. */
export function startNpm(options: Omit<StartOptions, 'script'>): KeystowProcess {
  const { env = {}, args = [], cwd = createNpmFolder() } = options
  const child = spawn('npm', [...args], {
    cwd,
    env: { PATH: process.env['PATH'] ?? '', ...npmEnvironment(cwd), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  })
  return follow(child, () => {
    if (isGroupRunning(child)) process.kill(-(child.pid ?? 0), 'SIGKILL')
  })
}

/** Whether the process, or any that it started, still runs. */
export function isGroupRunning({ pid = 0 }: ChildProcess): boolean {
  try {
    return process.kill(-pid, 0)
  } catch {
    return false
  }
}

function follow(child: ChildProcessByStdio<null, Readable, Readable>, end: () => void) {
  const output = { stdout: '', stderr: '' }
  const waiting = new Set<() => void>()
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].on('data', (chunk: Buffer) => {
      output[name] += chunk.toString()
      for (const look of waiting) look()
    })
  }
  const exited = new Promise<number | NodeJS.Signals | null>((resolve) => {
    child.once('close', (code, signal) => resolve(code ?? signal))
  })
  onTestFinished(async () => {
    end()
    await exited
    keepOutput(output.stdout + output.stderr)
  })
  const followed: KeystowProcess = {
    child,
    exited,
    stdout: () => output.stdout,
    stderr: () => output.stderr,
    waitForMore() {
      return new Promise((resolve, reject) => {
        const look = (): void => {
          waiting.delete(look)
          resolve()
        }
        waiting.add(look)
        void exited.then(() => reject(new Error(`ended:\n${output.stdout}${output.stderr}`)))
      })
    },
    waitFor(text) {
      return new Promise((resolve, reject) => {
        const look = (): void => {
          const all = output.stdout + output.stderr
          if (typeof text === 'string' ? !all.includes(text) : !text.test(all)) return
          waiting.delete(look)
          resolve()
        }
        waiting.add(look)
        look()
        void exited.then(() => {
          look()
          reject(
            new Error(`ended without writing ${String(text)}:\n${output.stdout}${output.stderr}`),
          )
        })
      })
    },
  }
  return followed
}

/** The port that a process says it listens on. */
export async function listeningPort(keystow: KeystowProcess): Promise<number> {
  await keystow.waitFor(/listening at http:\/\/[^"]*:\d+/)
  return Number(/listening at http:\/\/[^"]*:(\d+)/.exec(keystow.stdout())?.[1])
}
