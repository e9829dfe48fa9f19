const MIN_CAPACITY_BYTES = 64 * 1024

/** From here on the memory grows where it is: to copy ten megabytes would hold up every other stream. */
const MAX_COPIED_BYTES = 512 * 1024
const STEP_BYTES = 1024 * 1024

const NO_BYTES = Buffer.alloc(0)

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

interface Collected {
  readonly options: CollectorOptions
  bytes: Buffer
  length: number
  /** Whether the buffer is the collector's own, or the only piece so far. */
  isOwn: boolean
  /** What a large one is kept in. */
  memory: ArrayBuffer | undefined
}

/**
 * One buffer that grows, instead of a list of pieces: a piece of one byte is an object of a hundred, and holds on to
 * the 64 KiB it was read with.
 */
export function createByteCollector(options: CollectorOptions): ByteCollector {
  const collected: Collected = {
    options,
    bytes: NO_BYTES,
    length: 0,
    isOwn: false,
    memory: undefined,
  }
  return {
    add(piece) {
      if (collected.length === 0) collected.bytes = piece
      else {
        reserve(collected, collected.length + piece.length)
        piece.copy(collected.bytes, collected.length)
      }
      collected.length += piece.length
    },
    take: () => collected.bytes.subarray(0, collected.length),
  }
}

function reserve(collected: Collected, needed: number): void {
  const { options, bytes, isOwn } = collected
  if (isOwn && needed <= bytes.length) return
  const isLarge = needed > MAX_COPIED_BYTES && needed <= options.mostBytes
  if (!isLarge || !growInPlace(collected, needed)) growElsewhere(collected, needed)
}

function growElsewhere(collected: Collected, needed: number): void {
  const capacity = Math.max(needed, collected.length * 2, MIN_CAPACITY_BYTES)
  collected.options.onGrow(capacity)
  moveTo(collected, Buffer.allocUnsafe(capacity))
}

/** False where no room can be set aside: a process may have only so many addresses (`ulimit -v`). */
function growInPlace(collected: Collected, needed: number): boolean {
  const { options, length, memory } = collected
  const capacity = Math.min(Math.max(needed, length + STEP_BYTES), options.mostBytes)
  options.onGrow(capacity)
  if (memory === undefined) {
    collected.memory = setAside(capacity, options.mostBytes)
    if (collected.memory === undefined) return false
    moveTo(collected, Buffer.from(collected.memory, 0, capacity))
  } else {
    memory.resize(capacity)
    collected.bytes = Buffer.from(memory, 0, capacity)
  }
  return true
}

function setAside(bytes: number, mostBytes: number): ArrayBuffer | undefined {
  try {
    return new ArrayBuffer(bytes, { maxByteLength: mostBytes })
  } catch {
    return undefined
  }
}

function moveTo(collected: Collected, roomier: Buffer): void {
  collected.bytes.copy(roomier, 0, 0, collected.length)
  collected.bytes = roomier
  collected.isOwn = true
}
