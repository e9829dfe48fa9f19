/** Finds where JSON strings end. */
export interface StringSkip {
  /** Begins a string, whether or not the one before has ended. */
  begin(): void
  /** Reads a string from inside it; returns the index behind its closing quote, or -1 when it goes on behind `to`. */
  read(chunk: Buffer, from: number, to: number): number
  /** Whether the string has had an escape among its first bytes. */
  hasEscapes(): boolean
}

/** Up to here, and so for every name, a string is read byte by byte: a call out of JavaScript costs more. */
const SHORT_STRING_BYTES = 160

const QUOTE = 0x22
const BACKSLASH = 0x5c

export function createStringSkip(): StringSkip {
  let isEscaped = false
  let hasEscapes = false

  function readShort(chunk: Buffer, from: number, to: number): number {
    let isCut = isEscaped
    for (let at = from; at < to; at++) {
      const byte = chunk[at]
      if (byte === QUOTE && !isCut) return at + 1
      isCut = byte === BACKSLASH && !isCut
      if (isCut) hasEscapes = true
    }
    isEscaped = isCut
    return -1
  }

  /** Base64 of an image is megabytes without a quote, and may have a backslash before every slash. */
  function readLong(chunk: Buffer, from: number, to: number): number {
    let at = from
    while (at < to) {
      const quote = chunk.indexOf(QUOTE, at)
      const end = quote === -1 || quote >= to ? to : quote
      let start = end
      while (start > at && chunk[start - 1] === BACKSLASH) start--
      const isCarried = start === at && isEscaped
      isEscaped = (end - start + (isCarried ? 1 : 0)) % 2 === 1
      if (end === to) return -1
      at = end + 1
      if (!isEscaped) return at
      isEscaped = false
    }
    return -1
  }

  return {
    hasEscapes: () => hasEscapes,
    begin() {
      isEscaped = false
      hasEscapes = false
    },
    read(chunk, from, to) {
      const near = Math.min(to, from + SHORT_STRING_BYTES)
      const end = readShort(chunk, from, near)
      return end === -1 && near < to ? readLong(chunk, near, to) : end
    },
  }
}
