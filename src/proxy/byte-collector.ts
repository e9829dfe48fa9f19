const MIN_CAPACITY_BYTES = 64 * 1024

/** From here on the memory grows where it is: to copy ten megabytes would hold up every other stream. */
const MAX_COPIED_BYTES = 512 * 1024
const STEP_BYTES = 1024 * 1024

interface CollectorOptions {
  /** No more will come; so much room is set aside, which takes no memory until it is used. */
  readonly mostBytes: number
  /** Told before memory is taken; may throw. */
  readonly onGrow: (bytes: number) => void
}

/** Puts pieces together as they come. */
export interface ByteCollector {
  add(piece: Buffer): void
  /** Everything that came. */
  take(): Buffer
}

/**
 * One buffer that grows, instead of a list of pieces: a piece of one byte is an object of a hundred, and holds on to
 * the 64 KiB it was read with.
 */
export function createByteCollector({ mostBytes, onGrow }: CollectorOptions): ByteCollector {
  let bytes: Buffer = Buffer.alloc(0)
  let length = 0
  /** Whether the buffer is the collector's own, or the only piece so far. */
  let isOwn = false
  /** What a large one is kept in. */
  let memory: ArrayBuffer | undefined

  function reserve(needed: number): void {
    if (isOwn && needed <= bytes.length) return
    if (needed > MAX_COPIED_BYTES && needed <= mostBytes) return growInPlace(needed)
    const capacity = Math.max(needed, length * 2, MIN_CAPACITY_BYTES)
    onGrow(capacity)
    moveTo(Buffer.allocUnsafe(capacity))
  }

  function growInPlace(needed: number): void {
    const capacity = Math.min(Math.max(needed, length + STEP_BYTES), mostBytes)
    onGrow(capacity)
    if (memory === undefined) {
      memory = new ArrayBuffer(capacity, { maxByteLength: mostBytes })
      moveTo(Buffer.from(memory, 0, capacity))
    } else {
      memory.resize(capacity)
      bytes = Buffer.from(memory, 0, capacity)
    }
  }

  function moveTo(roomier: Buffer): void {
    bytes.copy(roomier, 0, 0, length)
    bytes = roomier
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
