/** A place where a secret stands, from `start` up to but not including `end`. */
export interface Match {
  readonly start: number
  readonly end: number
}

/** JSON within JSON within JSON has seven; a longer run is no escape anybody reads, and must not be held back. */
export const MAX_BACKSLASHES = 7

/** The longest unit: the backslashes, and `u0073`. */
export const MAX_UNIT_BYTES = MAX_BACKSLASHES + 5

/** Finds a secret written with any of its characters escaped. */
export interface EscapedMatcher {
  /** The matches in a buffer, in order, and where a match that the buffer cuts off would begin. */
  find(bytes: Buffer): { readonly matches: Match[]; readonly cutAt: number }
}

const PERCENT = 0x25
const BACKSLASH = 0x5c
const LOWER_U = 0x75
const ZERO = 0x30

/** The unit at a position: the character it stands for, its length in bytes, and whether the buffer cuts it off. */
interface Unit {
  character: number
  length: number
  isCut: boolean
}

/**
 * A Knuth-Morris-Pratt matcher over units instead of bytes. A unit is a character as it is, percent-encoded
 * (RFC 3986), or as JSON's `\u00xx`, behind one backslash or several: JSON within JSON doubles them.
 */
export function createEscapedMatcher(secret: Buffer): EscapedMatcher {
  const fallback = buildFallback(secret)
  const unit: Unit = { character: 0, length: 0, isCut: false }
  /** Where each of the last units began; a ring as long as the secret. */
  const starts = new Uint32Array(secret.length)

  function advance(matched: number, character: number): number {
    let state = matched
    while (state > 0 && secret[state] !== character) state = fallback[state - 1] ?? 0
    return secret[state] === character ? state + 1 : 0
  }

  return {
    find(bytes) {
      const matches: Match[] = []
      let matched = 0
      let units = 0
      const startOf = (length: number, next: number): number =>
        length === 0 ? next : (starts[(units - length) % secret.length] ?? next)
      let at = 0
      while (at < bytes.length) {
        readUnit(bytes, at, unit)
        if (unit.isCut) return { matches, cutAt: startOf(matched, at) }
        starts[units % secret.length] = at
        units++
        at += unit.length
        matched = advance(matched, unit.character)
        if (matched === secret.length) {
          matches.push({ start: startOf(matched, at), end: at })
          matched = 0
        }
      }
      return { matches, cutAt: startOf(matched, at) }
    },
  }
}

function readUnit(bytes: Buffer, at: number, unit: Unit): void {
  const byte = bytes[at] ?? 0
  unit.character = byte
  unit.length = 1
  unit.isCut = false
  if (byte === PERCENT) readHex(bytes, at, { digitsAt: at + 1, unit })
  else if (byte === BACKSLASH) readBackslash(bytes, at, unit)
}

function readBackslash(bytes: Buffer, at: number, unit: Unit): void {
  let next = at
  // No further than it matters: a long run would be read again from each of its bytes.
  while (next - at <= MAX_BACKSLASHES && bytes[next] === BACKSLASH) next++
  if (next - at > MAX_BACKSLASHES) return
  for (const expected of [LOWER_U, ZERO, ZERO]) {
    if (next >= bytes.length) {
      unit.isCut = true
      return
    }
    if (bytes[next] !== expected) return
    next++
  }
  readHex(bytes, at, { digitsAt: next, unit })
}

function readHex(
  bytes: Buffer,
  at: number,
  { digitsAt, unit }: { readonly digitsAt: number; readonly unit: Unit },
): void {
  const high = hexValue(bytes[digitsAt])
  const low = hexValue(bytes[digitsAt + 1])
  const end = digitsAt + 2
  if (end > bytes.length && (digitsAt >= bytes.length || high >= 0)) unit.isCut = true
  else if (high >= 0 && low >= 0) {
    unit.character = high * 16 + low
    unit.length = end - at
  }
}

function hexValue(byte = 0): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30
  const lower = byte | 0x20
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1
}

/** For each length, the longest proper prefix of the secret that is also a suffix of that much of it. */
function buildFallback(secret: Buffer): number[] {
  const fallback = [0]
  let length = 0
  for (let i = 1; i < secret.length; i++) {
    while (length > 0 && secret[i] !== secret[length]) length = fallback[length - 1] ?? 0
    if (secret[i] === secret[length]) length++
    fallback.push(length)
  }
  return fallback
}
