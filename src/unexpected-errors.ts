import type { Metrics } from './metrics.ts'

const MINUTE_MS = 60_000

/** More in a minute are no accident of one request: whatever is broken, a process that starts anew may not have it. */
const MAX_PER_MINUTE = 10

interface UnexpectedErrorsOptions {
  readonly logger: { fatal(fields: object, message: string): void }
  readonly metrics: Metrics
  /** Too many in a minute; called once. */
  readonly onStorm: () => void
  /** Milliseconds on a clock that never goes back. */
  readonly now?: () => number
}

/**
 * What is thrown where nobody catches it. The exchange catches its own, and ends its request with it; what comes
 * here ended a turn of the event loop, and nothing says whose. Everybody else's answers go on.
 */
export function createUnexpectedErrors(options: UnexpectedErrorsOptions) {
  const { logger, metrics, onStorm, now = () => performance.now() } = options
  const times: number[] = []
  let isStorm = false

  return function onUnexpectedError(error: unknown, origin: string): void {
    metrics.unexpectedErrors.inc()
    logger.fatal({ alarm: 'unexpected_error', origin, err: error }, 'an error nobody expected')
    times.push(now())
    while ((times[0] ?? Infinity) <= now() - MINUTE_MS) times.shift()
    if (isStorm || times.length <= MAX_PER_MINUTE) return
    isStorm = true
    onStorm()
  }
}
