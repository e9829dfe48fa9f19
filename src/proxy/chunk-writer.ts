import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

/** Longer chunks are not copied: beside them, what a write costs counts no longer. */
const MAX_COPIED_BYTES = 4 * 1024
/** A length of at most four digits, and two line ends. */
const MAX_FRAMING_BYTES = 8

const LINE_END_BYTES = 2

const CR = 0x0d
const LF = 0x0a
const HEX_DIGITS = Buffer.from('0123456789abcdef')

/** Where the chunks of a body go. */
export interface ChunkWriter {
  readonly response: ServerResponse
  isHeadOut: boolean
  /** Until what came in one read has been written. */
  corked: Socket | undefined
}

export const createChunkWriter = (response: ServerResponse): ChunkWriter => ({
  response,
  isHeadOut: false,
  corked: undefined,
})

/**
 * Writes the next chunk; false asks for a pause until the response drains. `response.write` hands the socket
 * four pieces for each chunk (length, line end, bytes, line end), which is a fifth of what sending a short event
 * costs. Once the head is out, the same bytes go to the socket as one buffer. What is not certain is left to
 * `response.write`: an answer that is not chunked or waits for the one before it, and a socket so full that a pause
 * will be needed, of which only Node keeps account.
 */
export function writeChunk(writer: ChunkWriter, chunk: Buffer): boolean {
  const { response } = writer
  const { socket } = response
  if (!writer.isHeadOut || socket === null || !isReady(response, socket, chunk.length)) {
    writer.isHeadOut = true
    return response.write(chunk)
  }
  // Several chunks that came in one read of the upstream's socket leave in one write.
  if (writer.corked === undefined && socket.writableCorked === 0 && !isLastOfRead(chunk)) {
    writer.corked = socket
    socket.cork()
    queueMicrotask(() => uncork(writer))
  }
  return socket.write(frame(chunk))
}

function uncork(writer: ChunkWriter): void {
  writer.corked?.uncork()
  writer.corked = undefined
}

/** Whether the socket takes what is written as this answer's next bytes, and asks for no pause. */
function isReady(response: ServerResponse, socket: Socket, bytes: number): boolean {
  if (!response.chunkedEncoding || response.writableEnded) return false
  if (!socket.writable || bytes === 0 || bytes > MAX_COPIED_BYTES) return false
  return socket.writableLength + bytes + MAX_FRAMING_BYTES < socket.writableHighWaterMark
}

/** Whether no other chunk can stand behind it in what Node read into memory of its own. Where this errs, one write is not saved. */
const isLastOfRead = ({ byteOffset, length, buffer }: Buffer): boolean =>
  byteOffset + length + LINE_END_BYTES >= buffer.byteLength

/** A chunk as RFC 9112, section 7.1, frames it. */
function frame(chunk: Buffer): Buffer {
  const { length } = chunk
  let digits = 1
  while (length >> (4 * digits) > 0) digits++
  const framed = Buffer.allocUnsafe(digits + length + 4)
  for (let i = 0; i < digits; i++) {
    framed[i] = HEX_DIGITS[(length >> (4 * (digits - 1 - i))) & 0xf] ?? 0
  }
  framed[digits] = framed[digits + 2 + length] = CR
  framed[digits + 1] = framed[digits + 3 + length] = LF
  chunk.copy(framed, digits + 2)
  return framed
}
