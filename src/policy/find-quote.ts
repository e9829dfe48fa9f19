const QUOTE = 0x22

/** Up to here a quote is looked for byte by byte: most strings are short, and a call out of JavaScript costs more. */
const SHORT_STRING_BYTES = 64

/** The next quote; -1 when there is none. */
export function findQuote(chunk: Buffer, from: number): number {
  const near = Math.min(chunk.length, from + SHORT_STRING_BYTES)
  for (let at = from; at < near; at++) {
    if (chunk[at] === QUOTE) return at
  }
  return near < chunk.length ? chunk.indexOf(QUOTE, near) : -1
}
