import type { IncomingMessage } from 'node:http'
import { Readable } from 'node:stream'

import { type BodyBounds, createBodyMeter, cutOff, toBodyError } from './request-body.ts'

/** How long a body may wait for whoever takes it until its client is looked after. */
const STALL_MS = 500

/** What a piece takes of the memory, however few its bytes: they may be a chunk each. */
const MIN_PIECE_BYTES = 512

/**
 * Passes a body through as it comes, showing each piece to `onPiece` on the way; fails it with a `KeystowError`
 * at the first byte over the limit.
 *
 * A connection that is not read tells nothing of its client: a FIN stands behind the bytes that nobody takes, often
 * still on the client's machine, and a reset is told to readers and writers only. So a body that does not move is read
 * into memory like one that is collected, which finds its end or its client's; where there is no room for it, a reset
 * is still found by writing nothing.
 */
export function streamBody(
  request: IncomingMessage,
  { limitBytes, account }: BodyBounds,
  onPiece: (piece: Buffer) => void,
): Readable {
  const measure = createBodyMeter(limitBytes)
  let stall: NodeJS.Timeout | undefined
  let isReadAhead = false
  /** What came since somebody took of it. */
  let waitingBytes = 0
  const body = new Readable({
    read() {
      goOn()
      request.resume()
    },
    destroy(error, done) {
      goOn()
      request.off('data', onData).pause()
      done(error)
    },
  })

  function goOn(): void {
    clearInterval(stall)
    stall = undefined
    isReadAhead = false
    waitingBytes = 0
    account.release()
  }

  function onData(piece: Buffer): void {
    try {
      measure(piece)
      onPiece(piece)
    } catch (error) {
      return void body.destroy(error instanceof Error ? error : cutOff())
    }
    waitingBytes += Math.max(piece.length, MIN_PIECE_BYTES)
    if (body.push(piece) || (isReadAhead && account.mayHold(waitingBytes))) return
    request.pause()
    isReadAhead = false
    stall ??= setInterval(lookAfter, STALL_MS)
  }

  function lookAfter(): void {
    isReadAhead = account.mayHold(waitingBytes)
    if (isReadAhead) request.resume()
    // The kernel answers with the connection's error, and sends nothing (`tcp_sendmsg` in Linux).
    else if (request.socket.writable) request.socket.write('')
  }

  const onClose = (): void => {
    if (!request.readableEnded) body.destroy(cutOff())
  }
  // Nobody else listens when the request is refused before it is sent on, and the process would end over it.
  body.on('error', () => {})
  request.on('data', onData)
  request.once('end', () => {
    clearInterval(stall)
    body.push(null)
  })
  request.once('error', (error) => body.destroy(toBodyError(error)))
  request.once('close', onClose)
  if (request.destroyed) onClose()
  return body
}
