/** The connections that each origin may have at once, and who waits for one. */
export interface UpstreamPlaces {
  /** Calls `start` when there is a place, now or later. */
  take(origin: string, start: () => void): UpstreamPlace
  /** Gives the place, or the waiting, up; once is enough. */
  leave(place: UpstreamPlace): void
}

/** A place, or who waits for one. */
export interface UpstreamPlace {
  readonly line: Line
  /** Until it has been called. */
  start: (() => void) | undefined
  isOver: boolean
}

interface Line {
  taken: number
  /** Who came first goes first. */
  readonly waiting: Set<UpstreamPlace>
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

  function begin(place: UpstreamPlace): void {
    const { line, start } = place
    line.taken++
    place.start = undefined
    start?.()
  }

  function callNext(line: Line): void {
    const [next] = line.waiting
    if (next === undefined || line.taken >= limit) return
    line.waiting.delete(next)
    begin(next)
  }

  return {
    take(origin, start) {
      const line = lineOf(origin)
      const place: UpstreamPlace = { line, start, isOver: false }
      if (line.waiting.size === 0 && line.taken < limit) begin(place)
      else line.waiting.add(place)
      return place
    },
    leave(place) {
      if (place.isOver) return
      place.isOver = true
      const { line } = place
      if (line.waiting.delete(place)) return
      line.taken--
      callNext(line)
    },
  }
}
