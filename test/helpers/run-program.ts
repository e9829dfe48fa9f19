import { spawn } from 'node:child_process'

import { onTestFinished } from 'vitest'

export interface ProgramRun {
  /** The exit code, or the signal that ended it. */
  readonly exit: number | NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

interface RunOptions {
  readonly cwd: string
  /** All there is of an environment but for PATH and a UTF-8 locale. */
  readonly env?: Readonly<Record<string, string>>
}

/** No program here takes as long; one that hangs ends before its test does, and shows what it wrote. */
const RUN_TIMEOUT_MS = 150_000

/** Runs a program to its end; it never outlives the test. */
export async function runProgram(
  path: string,
  args: readonly string[],
  { cwd, env = {} }: RunOptions,
): Promise<ProgramRun> {
  const child = spawn(path, args, {
    cwd,
    env: { PATH: '/usr/local/bin:/usr/bin:/bin', LANG: 'C.UTF-8', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    // A group of its own: `sh` and `go run` start the program proper as their child.
    detached: true,
  })
  const output = { stdout: [] as Buffer[], stderr: [] as Buffer[] }
  child.stdout.on('data', (chunk: Buffer) => output.stdout.push(chunk))
  child.stderr.on('data', (chunk: Buffer) => output.stderr.push(chunk))
  const killGroup = (): void => {
    if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return
    process.kill(-child.pid, 'SIGKILL')
  }
  const timer = setTimeout(killGroup, RUN_TIMEOUT_MS)
  onTestFinished(killGroup)
  try {
    const exit = await new Promise<ProgramRun['exit']>((resolve, reject) => {
      child.once('error', reject)
      child.once('close', (code, signal) => resolve(code ?? signal))
    })
    const text = (chunks: Buffer[]): string => Buffer.concat(chunks).toString()
    return { exit, stdout: text(output.stdout), stderr: text(output.stderr) }
  } finally {
    clearTimeout(timer)
  }
}
