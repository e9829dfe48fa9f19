/** Longer names and values are none that policy reads: the longest name, every letter escaped, is 126 bytes. */
const MAX_BYTES = 512

/** Keeps a text that comes in pieces. */
export interface TextCapture {
  /** Begins the next text, whatever is left of the one before. */
  begin(isWanted: boolean): void
  /** Keeps these bytes of a chunk, behind which the text goes on. */
  keep(chunk: Buffer, from: number, to: number): void
  /** The text, of which these are the last bytes; undefined for one that is not wanted, or too long. */
  take(chunk: Buffer, from: number, to: number): string | undefined
}

export function createTextCapture(): TextCapture {
  let pieces: Buffer[] | undefined
  let bytes = 0

  function keep(chunk: Buffer, from: number, to: number): void {
    if (pieces === undefined) return
    bytes += to - from
    if (bytes > MAX_BYTES) pieces = undefined
    // A copy: the chunk is the socket's read buffer and would be kept alive whole.
    else pieces.push(Buffer.from(chunk.subarray(from, to)))
  }

  return {
    begin(isWanted) {
      pieces = isWanted ? [] : undefined
      bytes = 0
    },
    keep,
    take(chunk, from, to) {
      // Nearly every text lies in one chunk, and needs no copy.
      if (pieces?.length === 0 && to - from <= MAX_BYTES) return chunk.toString('utf8', from, to)
      keep(chunk, from, to)
      return pieces && Buffer.concat(pieces).toString('utf8')
    },
  }
}
