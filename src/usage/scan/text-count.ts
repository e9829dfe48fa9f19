/** Counts the characters of texts, and what they are estimated to be in tokens. */
export interface TextCount {
  /** Begins a JSON string, whether or not the one before has ended. */
  beginJson(): void
  /** Reads a JSON string from inside it; returns the index behind its closing quote, or -1 when it goes on behind `to`. */
  readJson(chunk: Uint8Array, from: number, to: number): number
  /** Reads bytes that are text as they are. */
  readPlain(chunk: Uint8Array): void
  /** Counts what is tokens already. */
  addTokens(count: number): void
  tokens(): number
  characters(): number
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

/** Bytes of an escape that have not come. */
const HEX_DIGITS = 4
const ESCAPED_BYTE = HEX_DIGITS + 1

/**
 * The estimate of docs/decisions/011-estimates.md. Runs of Latin letters, digits and signs are four characters a
 * token, of other alphabets two; a character of Chinese, Japanese or Korean, or an emoji, is one.
 */
export function createTextCount(): TextCount {
  let tokens = 0
  let characters = 0
  /** Quarters of the last token that the next characters of its run still fit into. */
  let room = 0
  let isBehindEither = false
  let missing = 0
  let code = 0

  function add(weight: number): void {
    characters++
    if (room < weight || weight === WIDE) {
      tokens++
      room = weight === WIDE ? 0 : room + WIDE
    }
    if (weight !== WIDE) room -= weight
  }

  function readEscaped(byte: number): void {
    if (missing === ESCAPED_BYTE) {
      missing = byte === SMALL_U ? HEX_DIGITS : 0
      code = 0
      if (missing === 0) add(LATIN)
      return
    }
    code = code * 16 + hexValue(byte)
    missing--
    // The second half of a pair belongs to the first.
    if (missing === 0 && (code < 0xdc00 || code > 0xdfff)) add(weighCode(code))
  }

  /** From a Latin character on. Most text is long runs of one kind; counted in local variables they take a fifth of the time. */
  function readLatin(chunk: Uint8Array, from: number, to: number): number {
    let at = from + 1
    while (at < to && IN_JSON[chunk[at] ?? 0] === LATIN) at++
    characters += at - from
    const rest = at - from - room
    const begun = rest > 0 ? Math.ceil(rest / WIDE) : 0
    tokens += begun
    room = begun * WIDE - rest
    return at
  }

  function readWide(chunk: Uint8Array, from: number, to: number): number {
    let at = from + 1
    let count = 1
    for (; at < to; at++) {
      const weight = IN_JSON[chunk[at] ?? 0]
      if (weight === WIDE) count++
      else if (weight !== CONTINUATION) break
    }
    characters += count
    tokens += count
    room = 0
    return at
  }

  /** Reads what is behind a lead byte that decides nothing; returns the index behind it. */
  function readBehindEither(byte: number, at: number): number {
    isBehindEither = false
    const isContinuation = (byte & 0xc0) === 0x80
    if (!isContinuation) return at
    add(byte >= FIRST_WIDE_BEHIND_EITHER ? WIDE : OTHER_SCRIPT)
    return at + 1
  }

  function read(chunk: Uint8Array, from: number, to: number, weights: Uint8Array): number {
    let at = from
    while (at < to) {
      const byte = chunk[at] ?? 0
      const weight = weights[byte] ?? 0
      if (missing > 0) {
        readEscaped(byte)
        at++
      } else if (isBehindEither) at = readBehindEither(byte, at)
      else if (weight === LATIN) at = readLatin(chunk, at, to)
      else if (weight === WIDE) at = readWide(chunk, at, to)
      else {
        if (weight === CLOSING_QUOTE) return at + 1
        if (weight === ESCAPE) missing = ESCAPED_BYTE
        else if (weight === EITHER) isBehindEither = true
        else if (weight !== CONTINUATION) add(weight)
        at++
      }
    }
    return -1
  }

  return {
    beginJson() {
      missing = 0
      isBehindEither = false
    },
    readJson: (chunk, from, to) => read(chunk, from, to, IN_JSON),
    readPlain(chunk) {
      read(chunk, 0, chunk.length, PLAIN)
    },
    addTokens(count) {
      tokens += count
    },
    tokens: () => tokens,
    characters: () => characters,
  }
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
