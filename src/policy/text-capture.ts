/** Longer names and values are none that policy reads: the longest name, every letter escaped, is 126 bytes. */
const MAX_BYTES = 512

/** A text that comes in pieces, as far as it is kept. */
export interface TextCapture {
  isCaptured: boolean
  /** Undefined for none, as for nearly every text: it lies in one chunk. */
  pieces: Buffer[] | undefined
  capturedBytes: number
}

/** Begins the next text, whatever is left of the one before. */
export function beginCapture(text: TextCapture, isWanted: boolean): void {
  text.isCaptured = isWanted
  text.pieces = undefined
  text.capturedBytes = 0
}

/** Keeps these bytes of a chunk, behind which the text goes on. */
export function keepPiece(text: TextCapture, chunk: Buffer, from: number, to: number): void {
  if (!text.isCaptured) return
  text.capturedBytes += to - from
  if (text.capturedBytes > MAX_BYTES) return beginCapture(text, false)
  text.pieces ??= []
  // A copy: the chunk is the socket's read buffer and would be kept alive whole.
  text.pieces.push(Buffer.from(chunk.subarray(from, to)))
}

/** The text, of which these are the last bytes; undefined for one that is not wanted, or too long. */
export function takeText(
  text: TextCapture,
  chunk: Buffer,
  from: number,
  to: number,
): string | undefined {
  // Needs no copy.
  const isWhole = text.isCaptured && text.pieces === undefined
  if (isWhole && to - from <= MAX_BYTES) return chunk.toString('utf8', from, to)
  keepPiece(text, chunk, from, to)
  return text.pieces && Buffer.concat(text.pieces).toString('utf8')
}
