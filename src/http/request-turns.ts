/** Begins requests a few at a time, so that what runs goes on between them. */
export interface RequestTurns {
  /** Calls back at once, or in one of the next turns of the event loop: who came first goes first. */
  take(begin: () => void): void
  /** Milliseconds that the one who is next has waited; 0 where nobody waits. */
  delayMs(): number
}

/** In one turn of the event loop: a millisecond or two of work. */
const AT_ONCE = 4

interface Waiting {
  readonly begin: () => void
  readonly since: number
}

/**
 * A turn of the event loop reads every socket that has something, and whoever has sent a request would be served before
 * the first event of a stream passes: when a page of chats is loaded, or everybody's stream ends at once, that is
 * hundreds of times what a request costs.
 */
export function createRequestTurns(): RequestTurns {
  const waiting: Waiting[] = []
  let begun = 0

  function begin(one: () => void): void {
    if (begun++ === 0) setImmediate(goOn)
    one()
  }

  function goOn(): void {
    begun = 0
    for (const one of waiting.splice(0, AT_ONCE)) begin(one.begin)
  }

  return {
    take(one) {
      if (begun < AT_ONCE && waiting.length === 0) begin(one)
      else waiting.push({ begin: one, since: performance.now() })
    },
    delayMs: () => (waiting[0] === undefined ? 0 : performance.now() - waiting[0].since),
  }
}
