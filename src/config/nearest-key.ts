const MAX_DISTANCE = 3

/** The known name closest to a mistyped one, or undefined when none is close enough to be meant. */
export function nearestKey(
  typed: string,
  known: readonly string[],
  maxDistance = MAX_DISTANCE,
): string | undefined {
  let best: string | undefined
  let bestDistance = maxDistance + 1
  for (const candidate of known) {
    // Each letter too many is a mistake, and an environment has hundreds of names that are nothing like these.
    if (Math.abs(typed.length - candidate.length) >= bestDistance) continue
    const distance = editDistance(typed.toLowerCase(), candidate.toLowerCase(), bestDistance - 1)
    if (distance < bestDistance) {
      best = candidate
      bestDistance = distance
    }
  }
  return best
}

/**
 * Levenshtein's distance, one row at a time, with two letters that changed places as one mistake; Infinity, and seldom
 * more than a few rows of work, where it is more than `limit`.
 */
function editDistance(from: string, to: string, limit: number): number {
  let before: number[] = []
  let row = Array.from({ length: to.length + 1 }, (_, index) => index)
  let least = 0
  for (let i = 1; i <= from.length; i++) {
    const next = [i]
    const leastBefore = least
    least = i
    for (let j = 1; j <= to.length; j++) {
      const substitution = (row[j - 1] ?? 0) + (from[i - 1] === to[j - 1] ? 0 : 1)
      const isSwapped = i > 1 && j > 1 && from[i - 1] === to[j - 2] && from[i - 2] === to[j - 1]
      const swap = isSwapped ? (before[j - 2] ?? 0) + 1 : Infinity
      const distance = Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, substitution, swap)
      next.push(distance)
      least = Math.min(least, distance)
    }
    // A swap leaves one row out, never two.
    if (least > limit && leastBefore > limit) return Infinity
    before = row
    row = next
  }
  return row[to.length] ?? 0
}
