import { createLogOutput, type LogOutput } from './log-output.ts'

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
  return pretty ?? createLogOutput({ fd: STANDARD_OUTPUT, onExit })
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
