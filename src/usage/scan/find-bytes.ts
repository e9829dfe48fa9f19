const LF = 0x0a
const CR = 0x0d
const QUOTE = 0x22
const BACKSLASH = 0x5c

/** Whether these bytes stand there. */
export function isAt(bytes: Buffer, from: number, expected: Buffer): boolean {
  for (let index = 0; index < expected.length; index++) {
    if (bytes[from + index] !== expected[index]) return false
  }
  return true
}

/** The quote that ends a JSON string, looked for from inside it; -1 when it is not here, in the same line. */
export function findQuote(bytes: Buffer, from: number): number {
  let isEscaped = false
  for (let at = from; at < bytes.length; at++) {
    const byte = bytes[at]
    if (byte === LF || byte === CR) return -1
    if (byte === QUOTE && !isEscaped) return at
    isEscaped = byte === BACKSLASH && !isEscaped
  }
  return -1
}
