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

interface ClockState {
  readonly options: SilenceClockOptions
  lastByteAt: number
  /** The last sign of life that the reader had. */
  lastSignAt: number
  isStopped: boolean
  timer: NodeJS.Timeout | undefined
}

/** One timer an answer, set anew only when it fires: touching costs no more than reading the time. */
export function startSilenceClock(options: SilenceClockOptions): SilenceClock {
  const now = performance.now()
  const clock: ClockState = {
    options,
    lastByteAt: now,
    lastSignAt: now,
    isStopped: false,
    timer: undefined,
  }
  setTimer(clock, now)
  return {
    touch() {
      clock.lastByteAt = performance.now()
      if (!options.isHolding()) clock.lastSignAt = clock.lastByteAt
    },
    stop() {
      clock.isStopped = true
      clearTimeout(clock.timer)
    },
  }
}

function setTimer(clock: ClockState, now: number): void {
  const { beatMs, idleMs } = clock.options
  const untilIdle = clock.lastByteAt + idleMs - now
  const untilBeat = beatMs === 0 ? untilIdle : clock.lastSignAt + beatMs - now
  clock.timer = setTimeout(tick, Math.max(Math.min(untilIdle, untilBeat), 1), clock)
}

function tick(clock: ClockState): void {
  const { options } = clock
  const now = performance.now()
  if (options.isPaused()) clock.lastByteAt = clock.lastSignAt = now
  else if (now - clock.lastByteAt >= options.idleMs) return options.onIdle()
  else if (options.beatMs > 0 && now - clock.lastSignAt >= options.beatMs) {
    clock.lastSignAt = now
    options.onBeat()
  }
  if (!clock.isStopped) setTimer(clock, now)
}
