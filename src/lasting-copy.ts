/**
 * A copy for as long as a stream lasts, with memory of its own. `Buffer.from` and `Buffer.concat` take theirs from a
 * piece of 64 KiB that is cut up for everybody, events that have long passed among them, and is kept as long as any
 * part of it.
 */
export function lastingCopy(bytes: Buffer): Buffer {
  const copy = Buffer.allocUnsafeSlow(bytes.length)
  bytes.copy(copy)
  return copy
}
