/** Whose silence a clock watches. */
export interface SilenceWatcher<Owner> {
  /** Whether the silence is the reader's and not the upstream's. */
  isPaused(owner: Owner): boolean
  /** Whether what comes has not gone on yet: to the reader this is silence. */
  isHolding(owner: Owner): boolean
  /** Called after `beatMs` of silence, again and again. */
  onBeat(owner: Owner): void
  /** Called after `idleMs` of silence, once. */
  onIdle(owner: Owner): void
}

interface SilenceClockOptions<Owner> {
  readonly owner: Owner
  /** The same for all owners of a kind: a clock makes no functions. */
  readonly watcher: SilenceWatcher<Owner>
  /** Milliseconds; 0 is never. */
  readonly beatMs: number
  readonly idleMs: number
}

/** Watches how long an answer that has begun stays silent. */
export interface SilenceClock<Owner> {
  readonly options: SilenceClockOptions<Owner>
  lastByteAt: number
  /** The last sign of life that the reader had. */
  lastSignAt: number
  isStopped: boolean
  timer: NodeJS.Timeout | undefined
}

/** One timer an answer, set anew only when it fires: touching costs no more than reading the time. */
export function startSilenceClock<Owner>(options: SilenceClockOptions<Owner>): SilenceClock<Owner> {
  const now = performance.now()
  const clock: SilenceClock<Owner> = {
    options,
    lastByteAt: now,
    lastSignAt: now,
    isStopped: false,
    timer: undefined,
  }
  setTimer(clock, now)
  return clock
}

/** Bytes came. */
export function touchClock<Owner>(clock: SilenceClock<Owner>): void {
  const { watcher, owner } = clock.options
  clock.lastByteAt = performance.now()
  if (!watcher.isHolding(owner)) clock.lastSignAt = clock.lastByteAt
}

export function stopClock<Owner>(clock: SilenceClock<Owner>): void {
  clock.isStopped = true
  clearTimeout(clock.timer)
}

function setTimer<Owner>(clock: SilenceClock<Owner>, now: number): void {
  const { beatMs, idleMs } = clock.options
  const untilIdle = clock.lastByteAt + idleMs - now
  const untilBeat = beatMs === 0 ? untilIdle : clock.lastSignAt + beatMs - now
  const delayMs = Math.max(Math.ceil(Math.min(untilIdle, untilBeat)), 1)
  clock.timer = setTimeout(tick<Owner>, delayMs, clock)
}

function tick<Owner>(clock: SilenceClock<Owner>): void {
  const { watcher, owner, beatMs, idleMs } = clock.options
  const now = performance.now()
  if (watcher.isPaused(owner)) clock.lastByteAt = clock.lastSignAt = now
  else if (now - clock.lastByteAt >= idleMs) return watcher.onIdle(owner)
  else if (beatMs > 0 && now - clock.lastSignAt >= beatMs) {
    clock.lastSignAt = now
    watcher.onBeat(owner)
  }
  if (!clock.isStopped) setTimer(clock, now)
}
