/** The connections that each origin may have at once, and who waits for one. */
export interface UpstreamPlaces {
  /** Calls `start` when there is a place, now or later. What it returns gives the place, or the waiting, up. */
  take(origin: string, start: () => void): () => void
}

interface Line {
  taken: number
  /** Who came first goes first. */
  readonly waiting: Set<() => void>
}

/**
 * undici has a line of its own, which nobody can leave: a request whose client is gone stays in it with its body, up
 * to the limit for bodies, until a connection is free. In front of undici nothing is kept for a client that left.
 */
export function createUpstreamPlaces(limit: number): UpstreamPlaces {
  const lines = new Map<string, Line>()

  function lineOf(origin: string): Line {
    let line = lines.get(origin)
    if (line === undefined) lines.set(origin, (line = { taken: 0, waiting: new Set() }))
    return line
  }

  function callNext(line: Line): void {
    const [next] = line.waiting
    if (next === undefined || line.taken >= limit) return
    line.waiting.delete(next)
    line.taken++
    next()
  }

  return {
    take(origin, start) {
      const line = lineOf(origin)
      // A function of its own, since one `start` could wait twice.
      const waiting = (): void => start()
      let isOver = false
      line.waiting.add(waiting)
      callNext(line)
      return () => {
        if (isOver) return
        isOver = true
        if (line.waiting.delete(waiting)) return
        line.taken--
        callNext(line)
      }
    },
  }
}
