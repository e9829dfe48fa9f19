const MIN_CAPACITY_BYTES = 64 * 1024
const NO_BYTES = Buffer.alloc(0)

/** Puts pieces together as they come. */
export interface ByteCollector {
  add(piece: Buffer): void
  /** Everything that came. */
  take(): Buffer
}

interface CollectorState {
  readonly onGrow: (bytes: number) => void
  bytes: Buffer
  length: number
  /** Whether the buffer is the collector's own, or the only piece so far. */
  isOwn: boolean
}

/**
 * One buffer that grows, instead of a list of pieces: a piece of one byte is an object of a hundred, and holds on to
 * the 64 KiB it was read with. `onGrow` is told before memory is taken, and may throw.
 */
export function createByteCollector(onGrow: (bytes: number) => void): ByteCollector {
  const collector: CollectorState = { onGrow, bytes: NO_BYTES, length: 0, isOwn: false }
  return {
    add: (piece) => add(collector, piece),
    take: () => collector.bytes.subarray(0, collector.length),
  }
}

function add(collector: CollectorState, piece: Buffer): void {
  const { length } = collector
  if (length === 0) collector.bytes = piece
  else {
    reserve(collector, length + piece.length)
    piece.copy(collector.bytes, length)
  }
  collector.length = length + piece.length
}

function reserve(collector: CollectorState, needed: number): void {
  const { bytes, length, isOwn } = collector
  if (isOwn && needed <= bytes.length) return
  const capacity = Math.max(needed, length * 2, MIN_CAPACITY_BYTES)
  collector.onGrow(capacity)
  const grown = Buffer.allocUnsafe(capacity)
  bytes.copy(grown, 0, 0, length)
  collector.bytes = grown
  collector.isOwn = true
}
