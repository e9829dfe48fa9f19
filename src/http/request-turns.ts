import { nextTick } from 'node:process'

/** Begins requests a few at a time, so that what runs goes on between them. */
export interface RequestTurns {
  /** Calls back at once, or in one of the next turns of the event loop: who came first goes first. */
  take(begin: () => void): void
  /** Milliseconds that the one has waited which is being begun; to be asked before `begin` returns. */
  waitedMs(): number
}

interface RequestTurnsOptions {
  /** One begins to wait, and has begun: who waits is not cut off when the process is to end. */
  readonly onWait: () => void
  readonly onBegun: () => void
}

interface Waiting {
  readonly begin: () => void
  readonly since: number
}

/** In one turn of the event loop, of those that come in it. */
const AT_ONCE = 4

/**
 * What those that wait may take of a turn: about a quarter of what everything else took, a fifth of a busy process. A
 * process that stood still has not been busy.
 */
const BUDGET_SHARE = 0.25
const MIN_BUDGET_MS = 1
const MAX_BUDGET_MS = 10

/**
 * A turn of the event loop reads every socket that has something, and whoever has sent a request would be served before
 * the first event of a stream passes: when a page of chats is loaded, or everybody's stream ends at once, that is
 * hundreds of times what a request costs.
 */
export function createRequestTurns({ onWait, onBegun }: RequestTurnsOptions): RequestTurns {
  const waiting: Waiting[] = []
  let isScheduled = false
  let begun = 0
  let waitedMs = 0
  /** When those that wait had their turn last, and when they have it now. */
  let leftAt = 0
  let startedAt = 0
  let budgetMs = 0

  function schedule(): void {
    if (isScheduled) return
    isScheduled = true
    setImmediate(goOn)
  }

  function goOn(): void {
    isScheduled = false
    begun = 0
    startedAt = performance.now()
    const share = (startedAt - leftAt) * BUDGET_SHARE
    budgetMs = Math.min(Math.max(share, MIN_BUDGET_MS), MAX_BUDGET_MS)
    beginNext()
  }

  /** One after the other, each with all that follows from it in this turn: only that tells what it costs. */
  function beginNext(): void {
    const now = performance.now()
    const next = now - startedAt < budgetMs ? waiting.shift() : undefined
    if (next === undefined) {
      leftAt = now
      if (waiting.length > 0) schedule()
      return
    }
    // A tick of a microtask's comes when no microtask is left.
    queueMicrotask(() => nextTick(beginNext))
    waitedMs = now - next.since
    try {
      next.begin()
    } finally {
      waitedMs = 0
      onBegun()
    }
  }

  return {
    waitedMs: () => waitedMs,
    take(begin) {
      schedule()
      if (begun++ < AT_ONCE && waiting.length === 0) {
        waitedMs = 0
        return begin()
      }
      const since = performance.now()
      if (waiting.length === 0) leftAt = since
      waiting.push({ begin, since })
      onWait()
    },
  }
}
