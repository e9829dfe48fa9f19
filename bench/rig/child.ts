import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'

/** Open files that a proxy of 8,000 streams and 10,000 silent connections needs, with room. */
const OPEN_FILES = 65_536

/** Raises the limit as far as it may be, then becomes the program. */
const RAISE_AND_RUN = `ulimit -n ${OPEN_FILES} 2>/dev/null || ulimit -n "$(ulimit -Hn)"; exec "$@"`

const STOP_WITHIN_MS = 3_000

const hasTaskset = spawnSync('taskset', ['-V']).status === 0

export const isPinned = hasTaskset

interface ChildOptions {
  readonly core: number | string
  readonly cwd: string
  readonly env?: Readonly<Record<string, string>>
  /** A file for standard output and error; both are piped without one. */
  readonly log?: string
  /** Opens a channel for messages to a Node program. */
  readonly hasChannel?: boolean
}

const running = new Set<ChildProcess>()

/** Whatever way the harness ends, nothing that it started stays behind. */
export function endChildrenWithProcess(): void {
  process.once('exit', () => {
    for (const child of running) kill(child, 'SIGKILL')
  })
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))
}

/** Starts a program on a core, with nothing in its environment but what is given. */
export function startChild(command: readonly string[], options: ChildOptions): ChildProcess {
  const { core, cwd, env = {}, log } = options
  const pinned = hasTaskset ? ['taskset', '-c', String(core), ...command] : command
  const output = log === undefined ? undefined : openSync(log, 'a')
  const child = spawn('sh', ['-c', RAISE_AND_RUN, 'sh', ...pinned], {
    cwd,
    env: { PATH: `${process.env['PATH'] ?? ''}:/usr/sbin`, HOME: cwd, ...env },
    stdio: [
      'pipe',
      output ?? 'pipe',
      output ?? 'inherit',
      ...(options.hasChannel === true ? (['ipc'] as const) : []),
    ],
    // A group of its own, so that its children end with it.
    detached: true,
  })
  if (output !== undefined) closeSync(output)
  running.add(child)
  child.once('exit', () => running.delete(child))
  return child
}

/** Asks it to end, and makes it when it does not. */
export function stopChild(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve()
  return new Promise((resolve) => {
    const timer = setTimeout(() => kill(child, 'SIGKILL'), STOP_WITHIN_MS)
    child.once('exit', () => {
      clearTimeout(timer)
      resolve()
    })
    kill(child, 'SIGTERM')
  })
}

function kill({ pid }: ChildProcess, signal: NodeJS.Signals): void {
  if (pid === undefined) return
  try {
    process.kill(-pid, signal)
  } catch {
    // It has ended by itself.
  }
}
