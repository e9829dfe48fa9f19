/** A longer event passes as it comes: what is kept of a stream must not grow with what its upstream sends. */
const MAX_HELD_BYTES = 64 * 1024
const MIN_CAPACITY_BYTES = 1024
const NO_BYTES = Buffer.alloc(0)

/** The beginning of an event, kept until it is clear that its rest comes. */
export interface EventHold {
  held: Buffer
  heldBytes: number
  /** The event that is open is too long to be held. */
  isTooLong: boolean
}

export const createEventHold = (): EventHold => ({ held: NO_BYTES, heldBytes: 0, isTooLong: false })

export const isHolding = ({ heldBytes }: EventHold): boolean => heldBytes > 0

/** Takes the next bytes, of which so many at the end belong to an event that is open; returns what may pass. */
export function holdBack(hold: EventHold, bytes: Buffer, openBytes: number): Buffer {
  const passing = bytes.length - openBytes
  if (passing > 0) hold.isTooLong = false
  if (openBytes === 0 || hold.isTooLong) return join(hold, bytes)
  if (openBytes + (passing > 0 ? 0 : hold.heldBytes) > MAX_HELD_BYTES) {
    hold.isTooLong = true
    return join(hold, bytes)
  }
  const ready = passing === 0 ? NO_BYTES : join(hold, bytes.subarray(0, passing))
  keep(hold, bytes.subarray(passing))
  return ready
}

/** Into its own memory: the bytes are a view of the socket's read buffer, which would be kept alive whole. */
function keep(hold: EventHold, bytes: Buffer): void {
  const { held, heldBytes } = hold
  const needed = heldBytes + bytes.length
  if (needed > held.length) {
    const capacity = Math.min(Math.max(2 * needed, MIN_CAPACITY_BYTES), MAX_HELD_BYTES)
    hold.held = Buffer.allocUnsafe(capacity)
    held.copy(hold.held, 0, 0, heldBytes)
  }
  bytes.copy(hold.held, heldBytes)
  hold.heldBytes = needed
}

/** What was held and these bytes, in one piece: some clients read each write by itself. */
function join(hold: EventHold, bytes: Buffer): Buffer {
  const { held, heldBytes } = hold
  if (heldBytes === 0) return bytes
  hold.held = NO_BYTES
  hold.heldBytes = 0
  return Buffer.concat([held.subarray(0, heldBytes), bytes])
}
