import { type Logger, pino, type LoggerOptions } from 'pino'

import type { LogOutput } from './log-output.ts'
import type { EgressScanner } from './proxy/egress-scan.ts'

interface LoggerSettings {
  readonly level: string
  /** Knows what must never stand in a line, whoever wrote it. */
  readonly scanner: EgressScanner
  /** Where lines go. */
  readonly destination: LogOutput
  /** The number of the thread, where there are several. */
  readonly worker?: number | undefined
}

/**
 * JSON lines. The first net is that only chosen fields are logged (`request-log.ts`); the second, here, blanks
 * the credential in the finished line: pino's own `redact` knows paths, not texts.
 */
export function createLogger({ level, scanner, destination, worker }: LoggerSettings): Logger {
  const options: LoggerOptions = {
    level,
    base: worker === undefined ? null : { worker },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
    serializers: { err: serializeError },
    hooks: {
      streamWrite: (line) => scanner.scanText(line),
    },
  }
  const logger = pino(options, destination)
  destination.onLost = (count) => {
    logger.error({ count }, 'lines of the log were lost: they could not be written')
  }
  return logger
}

interface SerializedError {
  readonly type: string
  readonly message: string
  readonly code?: string
  readonly stack?: string
  readonly cause?: SerializedError
}

/** How deep a chain of causes is followed. */
const MAX_CAUSES = 4

/** An error by a closed list of fields: an error object may carry the request that failed, headers and all. */
function serializeError(error: unknown, depth = 0): SerializedError {
  if (!(error instanceof Error)) return { type: typeof error, message: 'not an error object' }
  const { name, message, stack, cause } = error
  return {
    type: name,
    message,
    ...('code' in error && typeof error.code === 'string' && { code: error.code }),
    ...(stack !== undefined && { stack }),
    ...(cause !== undefined && depth < MAX_CAUSES && { cause: serializeError(cause, depth + 1) }),
  }
}
