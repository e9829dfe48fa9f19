import type { Readable } from 'node:stream'

/** Watches how long an upstream keeps a request waiting. */
export interface RequestClock {
  readonly onTimeout: () => void
  readonly isUpload: boolean
  timer: NodeJS.Timeout | undefined
  isStopped: boolean
}

interface RequestClockOptions {
  readonly body: Buffer | Readable | null
  /** How long the answer may take when the upstream has everything, and how long a connection for an upload. */
  readonly firstByteMs: number
  /** How long the upstream may leave lying what there is to give it. */
  readonly idleMs: number
  readonly onTimeout: () => void
}

/** A slow upload is the client's time: the upstream's runs while it takes nothing, and when it has everything. */
export function startRequestClock(options: RequestClockOptions): RequestClock {
  const { body, firstByteMs, onTimeout } = options
  const isUpload = body !== null && !Buffer.isBuffer(body)
  const clock: RequestClock = { onTimeout, isUpload, timer: undefined, isStopped: false }
  setTimer(clock, firstByteMs)
  if (isUpload) watchUpload(clock, body, options)
  return clock
}

/** undici pauses a body while its socket is full, and only then. */
function watchUpload(
  clock: RequestClock,
  body: Readable,
  { firstByteMs, idleMs }: RequestClockOptions,
): void {
  body.on('pause', () => setTimer(clock, idleMs)).on('resume', () => clearTimeout(clock.timer))
  body.once('end', () => setTimer(clock, firstByteMs))
}

function setTimer(clock: RequestClock, delayMs: number): void {
  clearTimeout(clock.timer)
  if (!clock.isStopped) clock.timer = setTimeout(clock.onTimeout, delayMs)
}

/** It has a connection, and its body is on its way; where the body is there, the time for an answer has begun already. */
export function noteStart({ isUpload, timer }: RequestClock): void {
  if (isUpload) clearTimeout(timer)
}

/** It is answered, or over. */
export function stopRequestClock(clock: RequestClock): void {
  clock.isStopped = true
  clearTimeout(clock.timer)
}
