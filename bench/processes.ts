import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('..', import.meta.url))

/** Jiffies are hundredths of a second on every Linux that Node runs on (USER_HZ). */
const JIFFY_US = 10_000

export interface BenchProcess {
  readonly origin: string
  /** Processor time that it has used so far, in microseconds. */
  cpuUs(): number
  stop(): Promise<void>
}

interface StartOptions {
  readonly script: string
  readonly env: Readonly<Record<string, string>>
  /** The core it is kept on, where `taskset` is there to do so. */
  readonly core: number
}

/** Starts a script that says on which URL it listens. */
export async function startProcess({ script, env, core }: StartOptions): Promise<BenchProcess> {
  const hasTaskset = spawnSync('taskset', ['-V']).status === 0
  const command = [...(hasTaskset ? ['taskset', '-c', String(core)] : []), process.execPath, script]
  const child = spawn(command[0] ?? '', command.slice(1), {
    cwd: ROOT,
    env: { PATH: process.env['PATH'] ?? '', ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const origin = await readOrigin(child)
  return {
    origin,
    cpuUs: () => readCpuUs(child.pid ?? 0),
    stop: () =>
      new Promise((resolve) => {
        child.once('exit', () => resolve())
        child.kill('SIGKILL')
      }),
  }
}

function readOrigin(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let output = ''
    child.once('exit', (code) => reject(new Error(`ended with ${code} before it listened`)))
    child.stdout?.on('data', (chunk: Buffer) => {
      output += chunk.toString()
      const origin = /listening at (http:\/\/[\d.]+:\d+)/.exec(output)?.[1]
      if (origin !== undefined) resolve(origin)
    })
  })
}

/** User and system time of a process: fields 14 and 15 of proc(5)'s stat, behind the name in parentheses. */
function readCpuUs(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) * JIFFY_US
}
