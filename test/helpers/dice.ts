/** Numbers that look random and are the same in every run of one seed. */
export interface Dice {
  /** A whole number from 0 up to but not including the limit. */
  below(limit: number): number
  /** Whether something that happens this often happens now; 0 to 1. */
  chance(probability: number): boolean
  /** One of the values. */
  pick<T>(values: readonly [T, ...T[]] | readonly T[]): T
  /** A text cut into pieces, at most so many. */
  cut(text: string, pieces: number): string[]
}

/** Marsaglia's xorshift with 32 bits (Journal of Statistical Software 8/14), seeded by any two numbers. */
export function createDice(seed: number, stream = 0): Dice {
  let state = mix(mix(seed | 0) ^ (stream | 0)) || 1

  function next(): number {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return state >>> 0
  }

  const below = (limit: number): number => next() % limit

  return {
    below,
    chance: (probability) => next() < probability * 2 ** 32,
    pick(values) {
      const value = values[below(values.length)]
      if (value === undefined) throw new Error('there is nothing to pick from')
      return value
    },
    cut(text, pieces) {
      const places = Array.from({ length: below(pieces) }, () => below(text.length + 1))
      const edges = [0, ...places.toSorted((a, b) => a - b), text.length]
      return edges.slice(1).map((edge, index) => text.slice(edges[index], edge))
    },
  }
}

/** Spreads a number's bits over all of them (the finaliser of MurmurHash3). */
function mix(value: number): number {
  let bits = value
  bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b)
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35)
  return (bits ^ (bits >>> 16)) | 0
}
