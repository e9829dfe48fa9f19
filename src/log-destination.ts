import { isMainThread } from 'node:worker_threads'

import { pino } from 'pino'

import { createLogOutput, type LogOutput, MAX_WAITING } from './log-output.ts'

interface StandardOutput {
  readonly isTerminal: boolean
  /** Has a listener called when the process ends. */
  readonly onExit: (listener: () => void) => void
}

const STANDARD_OUTPUT = 1

/** Where the lines of this thread's log go: to standard output, made readable in a terminal. */
export async function openLogDestination({
  isTerminal,
  onExit,
}: StandardOutput): Promise<LogOutput> {
  const pretty = isTerminal ? await createPrettyStream() : undefined
  return pretty ?? createLogOutput({ fd: STANDARD_OUTPUT, onExit }) ?? createThreadedOutput(onExit)
}

/** pino-pretty is a development dependency: the image, which has no terminal, goes without. */
async function createPrettyStream(): Promise<LogOutput | undefined> {
  try {
    const { default: pretty } = await import('pino-pretty')
    return pretty({ colorize: true })
  } catch {
    return undefined
  }
}

/** By pino's own means: each write in a thread of Node's. */
function createThreadedOutput(onExit: StandardOutput['onExit']): LogOutput {
  const stream: LogOutput & ReturnType<typeof pino.destination> = pino.destination({
    fd: STANDARD_OUTPUT,
    sync: false,
    maxLength: MAX_WAITING,
  })
  let lost = 0
  stream.on('drop', () => lost++)
  stream.on('drain', () => {
    if (lost > 0) stream.onLost?.(lost)
    lost = 0
  })
  // Of the main thread pino writes the rest.
  if (!isMainThread) onExit(() => flush(stream))
  return stream
}

function flush(stream: ReturnType<typeof pino.destination>): void {
  try {
    stream.flushSync()
  } catch {
    // Nobody reads it, and nobody could be told.
  }
}
