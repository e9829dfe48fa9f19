/** Watches how long an answer that has begun stays silent. */
export interface SilenceClock {
  /** Bytes came. */
  touch(): void
  stop(): void
}

interface SilenceClockOptions {
  /** Milliseconds of silence after which `onBeat` is called, again and again; 0 is never. */
  readonly beatMs: number
  /** Milliseconds of silence after which `onIdle` is called, once. */
  readonly idleMs: number
  /** Whether the silence is the reader's and not the upstream's. */
  readonly isPaused: () => boolean
  /** Whether what comes has not gone on yet: to the reader this is silence. */
  readonly isHolding: () => boolean
  readonly onBeat: () => void
  readonly onIdle: () => void
}

/** One timer an answer, set anew only when it fires: touching costs no more than reading the time. */
export function startSilenceClock(options: SilenceClockOptions): SilenceClock {
  const { beatMs, idleMs } = options
  let lastByteAt = performance.now()
  /** The last sign of life that the reader had. */
  let lastSignAt = lastByteAt
  let isStopped = false
  let timer = setTimeout(tick, nextDelay(lastByteAt))

  function nextDelay(now: number): number {
    const untilIdle = lastByteAt + idleMs - now
    if (beatMs === 0) return Math.max(untilIdle, 1)
    return Math.max(Math.min(untilIdle, lastSignAt + beatMs - now), 1)
  }

  function tick(): void {
    const now = performance.now()
    if (options.isPaused()) lastByteAt = lastSignAt = now
    else if (now - lastByteAt >= idleMs) return options.onIdle()
    else if (beatMs > 0 && now - lastSignAt >= beatMs) {
      lastSignAt = now
      options.onBeat()
    }
    if (!isStopped) timer = setTimeout(tick, nextDelay(now))
  }

  return {
    touch() {
      lastByteAt = performance.now()
      if (!options.isHolding()) lastSignAt = lastByteAt
    },
    stop() {
      isStopped = true
      clearTimeout(timer)
    },
  }
}
