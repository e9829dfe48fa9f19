import type { IncomingMessage } from 'node:http'

/** Half a millisecond of reading, scanning and putting together. */
const BYTES_A_TURN = 128 * 1024

/** What a smaller piece takes as long as. */
const MIN_PIECE_BYTES = 512

/**
 * Lets the event loop go round while a body is read; to be told of every piece. Node reads up to 2 MiB of one socket
 * before it looks at the next, and a client that sends images would hold up every stream for as long as their scan.
 */
export function createBodyPace(request: IncomingMessage): (pieceBytes: number) => void {
  let bytes = 0
  return (pieceBytes) => {
    bytes += Math.max(pieceBytes, MIN_PIECE_BYTES)
    if (bytes < BYTES_A_TURN) return
    bytes = 0
    request.pause()
    setImmediate(() => request.resume())
  }
}
