/** A character as it stands in text that may have been escaped on its way. */
export interface Unit {
  /** The byte it stands for, or `NO_CHARACTER`. */
  character: number
  /** How many bytes it takes; 1 when no escape begins here. */
  length: number
  /** The bytes end within it. */
  isCut: boolean
}

export const NO_CHARACTER = -1

/**
 * Each JSON around JSON doubles them, and a log line is one more: five within each other have sixteen. A longer run is
 * no escape that anybody reads, and must not be held back.
 */
const MAX_BACKSLASHES = 31

/** `&#x`, as many digits, and a semicolon: leading zeros are allowed, and no longer than any other unit. */
export const MAX_ENTITY_DIGITS = 32

/** A URL within a URL within a URL. */
const MAX_PERCENTS = 3

/** More percent signs in a row than escapes can stand around one: those before them begin none. */
const MAX_RAW_PERCENTS = 8

/** The longest unit: the backslashes, and `u0073`. */
export const MAX_UNIT_BYTES = MAX_BACKSLASHES + 5

export const PERCENT = 0x25
export const AMPERSAND = 0x26
export const BACKSLASH = 0x5c

/** What begins an escape. */
export const INTRODUCERS: readonly number[] = [PERCENT, AMPERSAND, BACKSLASH]

export const isIntroducer = (byte: number): boolean =>
  byte === PERCENT || byte === BACKSLASH || byte === AMPERSAND

const LF = 0x0a
const CR = 0x0d
const QUOTE = 0x22
export const HASH = 0x23
const SLASH = 0x2f
export const ZERO = 0x30
const TWO = 0x32
const FIVE = 0x35
const SEVEN = 0x37
export const SEMICOLON = 0x3b
const LOWER_N = 0x6e
const LOWER_R = 0x72
export const LOWER_U = 0x75
export const LOWER_X = 0x78

/** The bit in which ASCII's lower case letters differ from its upper case ones. */
export const TO_LOWER = 0x20

/** What one character behind a backslash stands for. */
export const SHORT_ESCAPES: Readonly<Record<number, number>> = {
  [QUOTE]: QUOTE,
  [SLASH]: SLASH,
  [LOWER_N]: LF,
  [LOWER_R]: CR,
}

/**
 * Whether the byte at a position, an introducer, may begin an escape of a character that a secret can hold: a look at
 * what follows, for telling most text apart from escapes without reading it. In text that is not English nearly
 * every escape is of another character.
 */
export function mayBeginEscape(bytes: Buffer, at: number): boolean {
  const next = bytes[at + 1]
  if (next === undefined) return true
  if (bytes[at] === PERCENT) return isHighDigit(next) || isIntroducer(next)
  if (bytes[at] === AMPERSAND) return next === HASH || isIntroducer(next)
  const kind = next | TO_LOWER
  if (kind !== LOWER_U) return next === BACKSLASH || kind === LOWER_X || next in SHORT_ESCAPES
  const [first = ZERO, second = ZERO, third = ZERO] = [bytes[at + 2], bytes[at + 3], bytes[at + 4]]
  return first === ZERO && second === ZERO && isHighDigit(third)
}

/** Whether an ASCII character's two hex digits can begin so. */
const isHighDigit = (byte: number): boolean => byte >= ZERO && byte <= SEVEN

/**
 * Reads the escape that an introducer begins, out of one layer: percent-encoding (RFC 3986), also of its own percent
 * sign; JSON's `\u0073` and the `\x73` of programming languages, behind one backslash or several; HTML's `&#115;` and
 * `&#x73;`. With `isLast` nothing follows the bytes, so that what they end with is all there will be.
 */
export function readLayer(bytes: Buffer, at: number, unit: Unit, isLast: boolean): void {
  unit.character = bytes[at] ?? 0
  unit.length = 1
  unit.isCut = false
  if (bytes[at] === PERCENT) readPercent(bytes, at, unit)
  else if (bytes[at] === BACKSLASH) readBackslash(bytes, at, unit)
  else readEntity(bytes, at, unit, isLast)
}

function readPercent(bytes: Buffer, at: number, unit: Unit): void {
  if (bytes[at + 1] === PERCENT) {
    passLongRun(bytes, at, unit, MAX_RAW_PERCENTS)
    return
  }
  let digitsAt = at + 1
  for (let depth = 1; depth < MAX_PERCENTS; depth++) {
    const isNested =
      bytes[digitsAt] === TWO &&
      bytes[digitsAt + 1] === FIVE &&
      (digitsAt + 2 >= bytes.length || hexValue(bytes[digitsAt + 2]) >= 0)
    if (!isNested) break
    digitsAt += 2
  }
  readHex(bytes, at, digitsAt, unit)
}

function readBackslash(bytes: Buffer, at: number, unit: Unit): void {
  const next = passLongRun(bytes, at, unit, MAX_BACKSLASHES)
  if (unit.character === NO_CHARACTER) return
  const mark = bytes[next]
  const kind = (mark ?? 0) | TO_LOWER
  if (mark === undefined) unit.isCut = true
  else if (kind === LOWER_X) readHex(bytes, at, next + 1, unit)
  else if (kind === LOWER_U) readUnicode(bytes, at, next + 1, unit)
  else if (mark in SHORT_ESCAPES) {
    unit.character = SHORT_ESCAPES[mark] ?? 0
    unit.length = next + 1 - at
  }
}

/**
 * Where a run of one byte ends. One that is longer than an escape's is a unit but for its end: together, or it would
 * be read again from each of its bytes; and as no character that begins an escape.
 */
function passLongRun(bytes: Buffer, at: number, unit: Unit, max: number): number {
  let end = at + 1
  while (bytes[end] === bytes[at]) end++
  if (end - at > max) {
    unit.character = NO_CHARACTER
    unit.length = end - at - max
  }
  return end
}

function readUnicode(bytes: Buffer, at: number, digitsAt: number, unit: Unit): void {
  for (let i = digitsAt; i < digitsAt + 2; i++) {
    if (i >= bytes.length) unit.isCut = true
    else if (bytes[i] !== ZERO) return
  }
  if (!unit.isCut) readHex(bytes, at, digitsAt + 2, unit)
}

function readHex(bytes: Buffer, at: number, digitsAt: number, unit: Unit): void {
  const high = hexValue(bytes[digitsAt])
  const low = hexValue(bytes[digitsAt + 1])
  const end = digitsAt + 2
  if (end > bytes.length) unit.isCut = digitsAt >= bytes.length || high >= 0
  else if (high >= 0 && low >= 0) {
    unit.character = high * 16 + low
    unit.length = end - at
  }
}

function readEntity(bytes: Buffer, at: number, unit: Unit, isLast: boolean): void {
  const isHex = ((bytes[at + 2] ?? 0) | TO_LOWER) === LOWER_X
  const digitsAt = at + (isHex ? 3 : 2)
  let next = digitsAt
  let value = 0
  while (next < digitsAt + MAX_ENTITY_DIGITS) {
    const digit = hexValue(bytes[next])
    if (digit < 0 || (digit > 9 && !isHex)) break
    value = value * (isHex ? 16 : 10) + digit
    next++
  }
  if (bytes[at + 1] !== HASH && at + 1 < bytes.length) return
  // Another digit or the semicolon may follow.
  if (next >= bytes.length && !isLast) unit.isCut = true
  else if (next > digitsAt && value < 256) {
    unit.character = value
    unit.length = next + (bytes[next] === SEMICOLON ? 1 : 0) - at
  }
}

export function hexValue(byte = 0): number {
  if (byte >= ZERO && byte <= 0x39) return byte - ZERO
  const lower = byte | TO_LOWER
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1
}
