import {
  AMPERSAND,
  BACKSLASH,
  HASH,
  hexValue,
  isIntroducer,
  LOWER_U,
  LOWER_X,
  MAX_ENTITY_DIGITS,
  MAX_UNIT_BYTES,
  PERCENT,
  readLayer,
  SEMICOLON,
  SHORT_ESCAPES,
  TO_LOWER,
  type Unit,
  ZERO,
} from './escape-unit.ts'

/**
 * How many escapes may stand around one: percent-encoding three times, of every character, needs three, and one that
 * has lost a digit another.
 */
const MAX_OUTER_LAYERS = 4

/** What `take` gives at the end of the bytes. */
const NOTHING = -1

/** Where the characters of an escape are read from, each of them escaped itself or not. */
interface Cursor {
  at: number
  /** No escape is longer. */
  readonly limit: number
  /** How many more layers may be undone. */
  readonly layers: number
  readonly isLast: boolean
  isCut: boolean
  /** The character that was looked at last and not taken: where it begins and ends. */
  readonly seen: { from: number; to: number; character: number }
}

/**
 * Reads the escape that an introducer begins, also out of others: what introduces it may be escaped, and each of its
 * characters, as in `%25%36%38`, `%5Cu0068` or `\u0026#104;`. With `isLast` nothing follows the bytes, so that what
 * they end with is all there will be.
 */
export function readEscape(bytes: Buffer, at: number, unit: Unit, isLast: boolean): void {
  readUnit(bytes, at, unit, { layers: MAX_OUTER_LAYERS, isLast })
  if (isLast) unit.isCut = false
}

type Depth = Pick<Cursor, 'layers' | 'isLast'>

function readUnit(bytes: Buffer, at: number, unit: Unit, depth: Depth): void {
  readLayer(bytes, at, unit, depth.isLast)
  if (!isOpenEntity(bytes, at, unit)) {
    if (isOuter(unit)) readOuter(bytes, at, unit, depth)
    return
  }
  const { character, length } = unit
  unit.character = AMPERSAND
  unit.length = 1
  readOuter(bytes, at, unit, depth)
  if (unit.length > 1 || unit.isCut) return
  unit.character = character
  unit.length = length
}

/** An entity needs no semicolon, and may go on with digits that are escaped, as in `&#8%32;`. */
function isOpenEntity(bytes: Buffer, at: number, { length }: Unit): boolean {
  const end = at + length
  const isEntity = bytes[at] === AMPERSAND && length > 1
  return isEntity && bytes[end - 1] !== SEMICOLON && bytes[end] === PERCENT
}

/**
 * Whether it may introduce another. One that stands for itself may too, before characters that are escaped, as in
 * `%4%38`; but for a backslash, whose runs would be read again from each of their bytes.
 */
const isOuter = ({ character, length, isCut }: Unit): boolean =>
  !isCut && isIntroducer(character) && (length > 1 || character !== BACKSLASH)

function readOuter(bytes: Buffer, at: number, unit: Unit, { layers, isLast }: Depth): void {
  for (let left = layers; left > 0 && isOuter(unit); left--) {
    const limit = at + MAX_UNIT_BYTES
    const seen = { from: NOTHING, to: NOTHING, character: NOTHING }
    const from = at + unit.length
    const cursor: Cursor = { at: from, limit, layers: left - 1, isLast, isCut: false, seen }
    const character = readOne(bytes, unit.character, cursor)
    unit.isCut = cursor.isCut
    if (cursor.isCut || character === NOTHING || cursor.at > limit) return
    unit.character = character
    unit.length = cursor.at - at
  }
}

function readOne(bytes: Buffer, introducer: number, cursor: Cursor): number {
  if (introducer === PERCENT) return takeHex(bytes, cursor)
  if (introducer === AMPERSAND) return takeEntity(bytes, cursor)
  let mark = take(bytes, cursor)
  while (mark === BACKSLASH) mark = take(bytes, cursor)
  const kind = mark | TO_LOWER
  if (kind === LOWER_X) return takeHex(bytes, cursor)
  if (kind !== LOWER_U) return SHORT_ESCAPES[mark] ?? NOTHING
  const isAscii = take(bytes, cursor) === ZERO && take(bytes, cursor) === ZERO
  return isAscii ? takeHex(bytes, cursor) : NOTHING
}

/** The next character, out of as many escapes as are left. */
function take(bytes: Buffer, cursor: Cursor): number {
  const byte = bytes[cursor.at]
  if (byte === undefined || cursor.at >= cursor.limit) {
    cursor.isCut = byte === undefined
    return NOTHING
  }
  if (!isIntroducer(byte)) {
    cursor.at++
    return byte
  }
  const unit: Unit = { character: 0, length: 1, isCut: false }
  readUnit(bytes, cursor.at, unit, cursor)
  cursor.at += unit.length
  cursor.isCut = unit.isCut
  return unit.isCut ? NOTHING : unit.character
}

function takeHex(bytes: Buffer, cursor: Cursor): number {
  const high = hexValue(take(bytes, cursor))
  if (high < 0) return NOTHING
  const low = hexValue(take(bytes, cursor))
  return low < 0 ? NOTHING : high * 16 + low
}

function takeEntity(bytes: Buffer, cursor: Cursor): number {
  if (take(bytes, cursor) !== HASH) return NOTHING
  const isHex = takeIf(bytes, cursor, (character) => (character | TO_LOWER) === LOWER_X) !== NOTHING
  let value = NOTHING
  for (let digits = 0; digits < MAX_ENTITY_DIGITS; digits++) {
    const before = cursor.at
    const digit = takeIf(bytes, cursor, (character) => {
      const figure = hexValue(character)
      return figure >= 0 && (figure <= 9 || isHex)
    })
    if (digit === NOTHING) break
    const longer = Math.max(value, 0) * (isHex ? 16 : 10) + hexValue(digit)
    if (longer > 0xff && cursor.at > before + 1) {
      // No digit of this one: the next character is escaped, and no semicolon stands between them.
      cursor.at = before
      break
    }
    value = longer
  }
  if (!cursor.isCut) takeIf(bytes, cursor, (character) => character === SEMICOLON)
  // The semicolon may be missing.
  if (cursor.isLast && value !== NOTHING) cursor.isCut = false
  return value < 256 ? value : NOTHING
}

/**
 * The next character if it is one of those; it stays where it is otherwise. It is read once, however often it is looked
 * at: reading it again in every layer would be three times the work for each of them.
 */
function takeIf(bytes: Buffer, cursor: Cursor, isWanted: (character: number) => boolean): number {
  const { seen } = cursor
  if (seen.from !== cursor.at) {
    seen.from = cursor.at
    seen.character = take(bytes, cursor)
    seen.to = cursor.at
    cursor.at = seen.from
  }
  if (seen.character === NOTHING || !isWanted(seen.character)) return NOTHING
  cursor.at = seen.to
  return seen.character
}
