import type { Readable } from 'node:stream'

/** Watches how long an upstream keeps a request waiting. */
export interface RequestClock {
  /** It has a connection, and its body is on its way. */
  started(): void
  /** It is answered, or over. */
  stop(): void
}

interface RequestClockOptions {
  readonly body: Buffer | Readable | null
  /** How long the answer may take when the upstream has everything, and how long a connection for an upload. */
  readonly firstByteMs: number
  /** How long the upstream may leave lying what there is to give it. */
  readonly idleMs: number
  readonly onTimeout: () => void
}

interface ClockState {
  readonly onTimeout: () => void
  timer: NodeJS.Timeout | undefined
  isStopped: boolean
}

/** A slow upload is the client's time: the upstream's runs while it takes nothing, and when it has everything. */
export function startRequestClock(options: RequestClockOptions): RequestClock {
  const { body, firstByteMs, onTimeout } = options
  const clock: ClockState = { onTimeout, timer: undefined, isStopped: false }
  setTimer(clock, firstByteMs)
  if (body === null || Buffer.isBuffer(body)) return { started, stop: () => stop(clock) }
  return watchUpload(clock, body, options)
}

/** Nothing is to come of a body that is there: the time for an answer has begun already. */
function started(): void {}

/** undici pauses a body while its socket is full, and only then. */
function watchUpload(
  clock: ClockState,
  body: Readable,
  { firstByteMs, idleMs }: RequestClockOptions,
): RequestClock {
  const clear = (): void => clearTimeout(clock.timer)
  body.on('pause', () => setTimer(clock, idleMs)).on('resume', clear)
  body.once('end', () => setTimer(clock, firstByteMs))
  return { started: clear, stop: () => stop(clock) }
}

function setTimer(clock: ClockState, delayMs: number): void {
  clearTimeout(clock.timer)
  if (!clock.isStopped) clock.timer = setTimeout(clock.onTimeout, delayMs)
}

function stop(clock: ClockState): void {
  clock.isStopped = true
  clearTimeout(clock.timer)
}
