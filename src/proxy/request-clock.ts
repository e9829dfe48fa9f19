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

/** A slow upload is the client's time: the upstream's runs while it takes nothing, and when it has everything. */
export function startRequestClock(options: RequestClockOptions): RequestClock {
  const { body, firstByteMs, idleMs, onTimeout } = options
  let timer: NodeJS.Timeout | undefined
  let isStopped = false

  function set(delayMs: number): void {
    clearTimeout(timer)
    if (!isStopped) timer = setTimeout(onTimeout, delayMs)
  }

  const clear = (): void => clearTimeout(timer)
  const stop = (): void => {
    isStopped = true
    clear()
  }

  set(firstByteMs)
  if (body === null || Buffer.isBuffer(body)) return { started() {}, stop }
  // undici pauses a body while its socket is full, and only then.
  body.on('pause', () => set(idleMs)).on('resume', clear)
  body.once('end', () => set(firstByteMs))
  return { started: clear, stop }
}
