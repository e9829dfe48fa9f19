/** How far a JSON string that is passed over has been read. */
export interface StringSkip {
  /** The next byte is behind a backslash. */
  isEscaped: boolean
  /** The string has had an escape among its first bytes. */
  hasEscapes: boolean
}

/** Up to here, and so for every name, a string is read byte by byte: a call out of JavaScript costs more. */
const SHORT_STRING_BYTES = 160

const QUOTE = 0x22
const BACKSLASH = 0x5c

/** Begins a string, whether or not the one before has ended. */
export function beginSkip(skip: StringSkip): void {
  skip.isEscaped = false
  skip.hasEscapes = false
}

/** Reads a string from inside it; returns the index behind its closing quote, or -1 when it goes on behind `to`. */
export function skipString(skip: StringSkip, chunk: Buffer, from: number, to: number): number {
  const near = Math.min(to, from + SHORT_STRING_BYTES)
  const end = skipShort(skip, chunk, from, near)
  return end === -1 && near < to ? skipLong(skip, chunk, near, to) : end
}

function skipShort(skip: StringSkip, chunk: Buffer, from: number, to: number): number {
  let isCut = skip.isEscaped
  for (let at = from; at < to; at++) {
    const byte = chunk[at]
    if (byte === QUOTE && !isCut) return at + 1
    isCut = byte === BACKSLASH && !isCut
    if (isCut) skip.hasEscapes = true
  }
  skip.isEscaped = isCut
  return -1
}

/** Base64 of an image is megabytes without a quote, and may have a backslash before every slash. */
function skipLong(skip: StringSkip, chunk: Buffer, from: number, to: number): number {
  let at = from
  while (at < to) {
    const quote = chunk.indexOf(QUOTE, at)
    const end = quote === -1 || quote >= to ? to : quote
    let start = end
    while (start > at && chunk[start - 1] === BACKSLASH) start--
    const isCarried = start === at && skip.isEscaped
    skip.isEscaped = (end - start + (isCarried ? 1 : 0)) % 2 === 1
    if (end === to) return -1
    at = end + 1
    if (!skip.isEscaped) return at
    skip.isEscaped = false
  }
  return -1
}
