const MIN_CAPACITY_BYTES = 64 * 1024

/** Puts pieces together as they come. */
export interface ByteCollector {
  add(piece: Buffer): void
  /** Everything that came. */
  take(): Buffer
}

/**
 * One buffer that grows, instead of a list of pieces: a piece of one byte is an object of a hundred, and holds on to
 * the 64 KiB it was read with. `onGrow` is told before memory is taken, and may throw.
 */
export function createByteCollector(onGrow: (bytes: number) => void): ByteCollector {
  let bytes: Buffer = Buffer.alloc(0)
  let length = 0
  /** Whether the buffer is the collector's own, or the only piece so far. */
  let isOwn = false

  function reserve(needed: number): void {
    if (isOwn && needed <= bytes.length) return
    const capacity = Math.max(needed, length * 2, MIN_CAPACITY_BYTES)
    onGrow(capacity)
    const grown = Buffer.allocUnsafe(capacity)
    bytes.copy(grown, 0, 0, length)
    bytes = grown
    isOwn = true
  }

  return {
    add(piece) {
      if (length === 0) bytes = piece
      else {
        reserve(length + piece.length)
        piece.copy(bytes, length)
      }
      length += piece.length
    },
    take: () => bytes.subarray(0, length),
  }
}
