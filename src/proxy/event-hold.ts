/** Keeps the beginning of an event until it is clear that its rest comes. */
export interface EventHold {
  /** Takes the next bytes, of which so many at the end belong to an event that is open; returns what may pass. */
  write(bytes: Buffer, openBytes: number): Buffer
  isHolding(): boolean
}

/** A longer event passes as it comes: what is kept of a stream must not grow with what its upstream sends. */
const MAX_HELD_BYTES = 64 * 1024
const MIN_CAPACITY_BYTES = 1024
const NO_BYTES = Buffer.alloc(0)

export function createEventHold(): EventHold {
  let held: Buffer = NO_BYTES
  let heldBytes = 0
  /** The event that is open is too long to be held. */
  let isTooLong = false

  /** Into its own memory: the bytes are a view of the socket's read buffer, which would be kept alive whole. */
  function keep(bytes: Buffer): void {
    const needed = heldBytes + bytes.length
    if (needed > held.length) {
      const grown = Buffer.allocUnsafe(
        Math.min(Math.max(2 * needed, MIN_CAPACITY_BYTES), MAX_HELD_BYTES),
      )
      held.copy(grown, 0, 0, heldBytes)
      held = grown
    }
    bytes.copy(held, heldBytes)
    heldBytes = needed
  }

  function take(): Buffer {
    const bytes = held.subarray(0, heldBytes)
    held = NO_BYTES
    heldBytes = 0
    return bytes
  }

  /** What was held and these bytes, in one piece: some clients read each write by itself. */
  const join = (bytes: Buffer): Buffer => (heldBytes === 0 ? bytes : Buffer.concat([take(), bytes]))

  return {
    write(bytes, openBytes) {
      const passing = bytes.length - openBytes
      if (passing > 0) isTooLong = false
      if (openBytes === 0 || isTooLong) return join(bytes)
      if (openBytes + (passing > 0 ? 0 : heldBytes) > MAX_HELD_BYTES) {
        isTooLong = true
        return join(bytes)
      }
      const ready = passing === 0 ? NO_BYTES : join(bytes.subarray(0, passing))
      keep(bytes.subarray(passing))
      return ready
    },
    isHolding: () => heldBytes > 0,
  }
}
