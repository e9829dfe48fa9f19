/** How far texts have been counted. */
export interface TextTally {
  tokenCount: number
  characterCount: number
  /** What its bytes weigh: those of a JSON string, or of text as it is. */
  weights: Uint8Array
  /** Quarters of the last token that the next characters of its run still fit into. */
  room: number
  isBehindEither: boolean
  /** Bytes of an escape that have not come. */
  missing: number
  code: number
}

/** What a character takes of a token, in quarters. */
const LATIN = 1
const OTHER_SCRIPT = 2
const WIDE = 4

const FIRST_OTHER_SCRIPT = 0x380
/** From here on: CJK, kana, hangul, emoji. */
const FIRST_WIDE = 0x2e80

const CONTINUATION = 0
/** The lead byte that U+2000 to U+2FFF share: the next byte decides. */
const EITHER = 5
const CLOSING_QUOTE = 6
const ESCAPE = 7

const QUOTE = 0x22
const BACKSLASH = 0x5c
const SMALL_U = 0x75
const FIRST_WIDE_BEHIND_EITHER = 0xba

/** By byte, for UTF-8 (RFC 3629): continuation bytes count nothing, lead bytes what their characters weigh. */
const PLAIN = new Uint8Array(256)
PLAIN.fill(LATIN, 0x00, 0x80)
PLAIN.fill(LATIN, 0xc2, 0xce)
PLAIN.fill(OTHER_SCRIPT, 0xce, 0xe2)
PLAIN[0xe2] = EITHER
PLAIN.fill(WIDE, 0xe3, 0xf5)

const IN_JSON = PLAIN.slice()
IN_JSON[QUOTE] = CLOSING_QUOTE
IN_JSON[BACKSLASH] = ESCAPE

/** Of an escape. */
const HEX_DIGITS = 4
const ESCAPED_BYTE = HEX_DIGITS + 1

/**
 * The estimate of docs/decisions/011-estimates.md. Runs of Latin letters, digits and signs are four characters a
 * token, of other alphabets two; a character of Chinese, Japanese or Korean, or an emoji, is one.
 */
export function createTextTally(): TextTally {
  return {
    tokenCount: 0,
    characterCount: 0,
    weights: IN_JSON,
    room: 0,
    isBehindEither: false,
    missing: 0,
    code: 0,
  }
}

/** Begins a JSON string, whether or not the one before has ended. */
export function beginJsonText(tally: TextTally): void {
  tally.weights = IN_JSON
  tally.missing = 0
  tally.isBehindEither = false
}

/** Reads bytes that are text as they are. */
export function readPlainText(tally: TextTally, chunk: Uint8Array): void {
  tally.weights = PLAIN
  readText(tally, chunk, 0, chunk.length)
}

/** Reads on in what has begun; returns the index behind the quote that closes it, or -1 when it goes on behind `to`. */
export function readText(tally: TextTally, chunk: Uint8Array, from: number, to: number): number {
  const { weights } = tally
  let at = from
  while (at < to) {
    const byte = chunk[at] ?? 0
    const weight = weights[byte] ?? 0
    if (tally.missing > 0) {
      readEscaped(tally, byte)
      at++
    } else if (tally.isBehindEither) at = readBehindEither(tally, byte, at)
    else if (weight === LATIN) at = readLatin(tally, chunk, at, to)
    else if (weight === WIDE) at = readWide(tally, chunk, at, to)
    else {
      if (weight === CLOSING_QUOTE) return at + 1
      if (weight === ESCAPE) tally.missing = ESCAPED_BYTE
      else if (weight === EITHER) tally.isBehindEither = true
      else if (weight !== CONTINUATION) add(tally, weight)
      at++
    }
  }
  return -1
}

function add(tally: TextTally, weight: number): void {
  tally.characterCount++
  if (tally.room < weight || weight === WIDE) {
    tally.tokenCount++
    tally.room = weight === WIDE ? 0 : tally.room + WIDE
  }
  if (weight !== WIDE) tally.room -= weight
}

function readEscaped(tally: TextTally, byte: number): void {
  if (tally.missing === ESCAPED_BYTE) {
    tally.missing = byte === SMALL_U ? HEX_DIGITS : 0
    tally.code = 0
    if (tally.missing === 0) add(tally, LATIN)
    return
  }
  const code = tally.code * 16 + hexValue(byte)
  tally.code = code
  tally.missing--
  // The second half of a pair belongs to the first.
  if (tally.missing === 0 && (code < 0xdc00 || code > 0xdfff)) add(tally, weighCode(code))
}

/** From a Latin character on. Most text is long runs of one kind; counted in local variables they take a fifth of the time. */
function readLatin(tally: TextTally, chunk: Uint8Array, from: number, to: number): number {
  let at = from + 1
  while (at < to && IN_JSON[chunk[at] ?? 0] === LATIN) at++
  tally.characterCount += at - from
  const rest = at - from - tally.room
  // Not by Math.ceil, whose result V8 keeps as a floating-point number, on the heap.
  const begun = rest > 0 ? ((rest + WIDE - 1) / WIDE) | 0 : 0
  tally.tokenCount += begun
  tally.room = begun * WIDE - rest
  return at
}

function readWide(tally: TextTally, chunk: Uint8Array, from: number, to: number): number {
  let at = from + 1
  let count = 1
  for (; at < to; at++) {
    const weight = IN_JSON[chunk[at] ?? 0]
    if (weight === WIDE) count++
    else if (weight !== CONTINUATION) break
  }
  tally.characterCount += count
  tally.tokenCount += count
  tally.room = 0
  return at
}

/** Reads what is behind a lead byte that decides nothing; returns the index behind it. */
function readBehindEither(tally: TextTally, byte: number, at: number): number {
  tally.isBehindEither = false
  const isContinuation = (byte & 0xc0) === 0x80
  if (!isContinuation) return at
  add(tally, byte >= FIRST_WIDE_BEHIND_EITHER ? WIDE : OTHER_SCRIPT)
  return at + 1
}

function weighCode(code: number): number {
  if (code >= FIRST_WIDE) return WIDE
  return code >= FIRST_OTHER_SCRIPT ? OTHER_SCRIPT : LATIN
}

/** A byte that is no digit counts as 0: an estimate does not judge JSON. */
function hexValue(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30
  const letter = byte | 0x20
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : 0
}
