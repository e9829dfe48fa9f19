/**
 * Puts copies together for as long as a stream lasts, in memory of their own. `Buffer.from` and `Buffer.concat` take
 * theirs from a piece of 64 KiB that is cut up for everybody, events that have long passed among them, and is kept as
 * long as any part of it.
 */
export function lastingCopy(...pieces: readonly Buffer[]): Buffer {
  const copy = Buffer.allocUnsafeSlow(pieces.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const piece of pieces) at += piece.copy(copy, at)
  return copy
}
