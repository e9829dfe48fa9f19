import { Socket } from 'node:net'

import {
  createHeadWatch,
  type HeadWatch,
  noteWrite,
  skipInformational,
} from './skip-informational.ts'

/** How far undici has read what came over a connection. */
interface Reading {
  readonly heads: HeadWatch
  /** undici has put back what it cannot take yet, or would have. */
  isPaused: boolean
  hasEnded: boolean
  /** It was asked for more and had none: Node waits for the next bytes, and so does undici. */
  isAwaited: boolean
  isOffered: boolean
  offer: Buffer | null
}

const READING = Symbol('reading')

interface UpstreamSocket extends Socket {
  readonly [READING]: Reading
}

/**
 * Stands between an upstream's socket and undici. What is read is handed over in the same call, in place of queueing
 * it, telling that there is something in the next tick, and being asked for it twice, of which a short event is felt:
 * only while undici has taken all there was. What it puts back, and what comes behind that, is queued as ever, and so
 * is how a head begins. The end of the connection is kept for as long as undici has paused: it would take it at once,
 * and in the middle of an answer that has come whole and has not been looked at to its end (7.30, `onHttpSocketEnd` in
 * `client-h1.js`): the answer would be told as broken, or, framed by that end, fail an assertion and hang.
 */
export function prepareSocket(socket: Socket, statusLineLimitBytes: number): void {
  const reading: Reading = {
    heads: createHeadWatch(statusLineLimitBytes),
    isPaused: false,
    hasEnded: false,
    isAwaited: false,
    isOffered: false,
    offer: null,
  }
  Object.assign(socket, { [READING]: reading }, METHODS)
}

/** The same for every socket: thousands are open, and each would keep its own. */
const METHODS = {
  write(this: UpstreamSocket, ...args: Parameters<Socket['write']>): boolean {
    noteWrite(this[READING].heads, args[0])
    return Socket.prototype.write.apply(this, args)
  },
  push(this: UpstreamSocket, chunk: unknown, encoding?: BufferEncoding): boolean {
    const reading = this[READING]
    reading.hasEnded ||= chunk === null
    const isNext = reading.isAwaited && !reading.heads.isDue
    if (isNext && Buffer.isBuffer(chunk) && chunk.length > 0 && isTaken(this, chunk)) return true
    reading.isAwaited = false
    return Socket.prototype.push.call(this, chunk, encoding)
  },
  read(this: UpstreamSocket, size?: number): unknown {
    const reading = this[READING]
    if (!reading.isOffered || size !== undefined) {
      const chunk = readQueue(this, size)
      if (size === undefined) reading.isAwaited = chunk === null
      return chunk
    }
    const chunk = reading.offer
    reading.offer = null
    return chunk
  },
  /** What undici does when it pauses, also where nothing is left to be put back. */
  unshift(this: UpstreamSocket, chunk: unknown, encoding?: BufferEncoding): void {
    const reading = this[READING]
    reading.isPaused = true
    reading.isAwaited = false
    reading.isOffered = false
    Socket.prototype.unshift.call(this, chunk, encoding)
  },
}

/** Offers what was read; whether somebody took it. */
function isTaken(socket: UpstreamSocket, chunk: Buffer): boolean {
  const reading = socket[READING]
  reading.offer = chunk
  reading.isOffered = true
  try {
    socket.emit('readable')
  } catch (cause) {
    // Bytes may be lost, and none may follow them.
    reading.offer = null
    socket.destroy()
    throw cause
  } finally {
    reading.isOffered = false
  }
  const isLeft = reading.offer !== null
  reading.offer = null
  return !isLeft
}

/**
 * What is queued, and the end behind it unless undici has paused. Node asks for nothing, to see whether this was the
 * end; undici asks for what there is, to go on.
 */
function readQueue(socket: UpstreamSocket, size: number | undefined): unknown {
  const reading = socket[READING]
  const queued = socket.readableLength
  if (size !== undefined) {
    return size === 0 && reading.isPaused && queued === 0 ? null : take(socket, size)
  }
  const wasPaused = reading.isPaused
  reading.isPaused = false
  if (!reading.hasEnded) return take(socket, undefined)
  // Whoever takes all of it without saying how much is told of the end, though it may pause at these very bytes.
  if (queued > 0) return take(socket, queued)
  // undici asks a first time before it knows that it goes on, and again when it does.
  return wasPaused ? null : take(socket, undefined)
}

function take(socket: UpstreamSocket, size: number | undefined): unknown {
  const { heads } = socket[READING]
  const chunk: unknown = Socket.prototype.read.call(socket, size)
  return heads.isDue && Buffer.isBuffer(chunk) ? skipInformational(heads, chunk, socket) : chunk
}
