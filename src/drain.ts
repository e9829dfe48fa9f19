import { KeystowError } from './errors.ts'

/** Ends something that runs, telling its client why. */
export type EndRunning = (error: KeystowError) => void

/** Lets what runs come to its end before the process does. */
export interface Drain {
  isDraining(): boolean
  /** A request begins, and is over. */
  readonly enter: () => void
  readonly leave: () => void
  /** Something that can be ended when the time is up, until it is over. */
  track(endRunning: EndRunning): Tracked
  untrack(tracked: Tracked): void
  /** Takes no more; resolves when nothing runs, at the latest when the time is up and the rest was ended. */
  start(timeoutMs: number): Promise<void>
}

/** How long the answers that were ended may take to reach their clients, some of which still send. */
const LAST_WORDS_MS = 250

/** For what is turned away, and for what is ended: another instance, or this one anew, takes it in a moment. */
export const drainingError = (): KeystowError =>
  new KeystowError('draining', { headers: { 'retry-after': '1', connection: 'close' } })

/** Emptied when it is over: a set that has grown keeps what was in it alive for a while (see `stores/rounds.ts`). */
export interface Tracked {
  end: EndRunning | undefined
}

export function createDrain(): Drain {
  let running = 0
  let isDraining = false
  let isTimeUp = false
  let onEmpty = (): void => {}
  const tracked = new Set<Tracked>()

  function endRest(): Promise<void> {
    isTimeUp = true
    for (const one of tracked) one.end?.(drainingError())
    return new Promise((resolve) => setTimeout(resolve, LAST_WORDS_MS))
  }

  return {
    isDraining: () => isDraining,
    enter: () => void running++,
    leave() {
      running--
      if (running === 0) onEmpty()
    },
    track(endRunning) {
      const one: Tracked = { end: endRunning }
      tracked.add(one)
      // It was let in before, and held up until now.
      if (isTimeUp) queueMicrotask(() => one.end?.(drainingError()))
      return one
    },
    untrack(one) {
      tracked.delete(one)
      one.end = undefined
    },
    async start(timeoutMs) {
      isDraining = true
      if (running === 0) return
      const empty = new Promise<true>((resolve) => (onEmpty = () => resolve(true)))
      let timer: NodeJS.Timeout | undefined
      const timeUp = new Promise<false>((resolve) => {
        timer = setTimeout(() => resolve(false), timeoutMs)
      })
      const isEmpty = await Promise.race([empty, timeUp])
      clearTimeout(timer)
      if (!isEmpty) await endRest()
    },
  }
}
