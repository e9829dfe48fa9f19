/** Work that nobody waits for, done a few pieces at a time: one after another each takes a part of what it takes alone. */
export interface Backlog {
  add(work: () => void): void
  /** Does now what is left to do. */
  clear(): void
}

/** Does its work whenever so many pieces of it have come together. */
export function createBacklog(pieces: number): Backlog {
  const waiting: (() => void)[] = []

  /** One that throws takes no other with it. */
  function clear(): void {
    for (let work = waiting.shift(); work !== undefined; work = waiting.shift()) work()
  }

  return {
    add(work) {
      if (waiting.push(work) >= pieces) clear()
    },
    clear,
  }
}
