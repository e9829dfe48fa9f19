import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

import type { KeystowError } from '../errors.ts'
import { writeRawError } from './raw-answer.ts'

/**
 * How long a connection that is being closed is read, so that its client can read the last answer: many send all of a
 * body first, and over a slow line that takes a while.
 */
const LINGER_MS = 30_000

/** As long as this without a byte, and it has sent what it will. */
const LINGER_SILENCE_MS = 5000

/** More than this is no body that somebody meant to send. */
const MAX_LINGER_BYTES = 256 * 1024 * 1024

/** Requests that wait for the answer to the one before; a client that pipelines more is not waited for. */
const MAX_WAITING = 16

/** What a waiting request may have of a body: so little that reading never has to stop, and a client that leaves is seen. */
const MAX_WAITING_BODY_BYTES = 16 * 1024

/** A client's connection: one request at a time, and none after one whose end is in doubt. */
export interface Connection {
  /** A request was read from it. */
  take(request: IncomingMessage, response: ServerResponse): void
  /** What came is no request: tells the client so when those before it are answered, and closes. */
  refuse(error: KeystowError): void
  /** Whether what was written has not moved for as long as this; to be asked again and again. */
  isStalled(now: number, limitMs: number): boolean
}

/** An error that was answered without a request that could be read. */
export interface RawAnswer {
  readonly requestId: string
  readonly error: KeystowError
  readonly address: string | undefined
}

interface ConnectionOptions {
  readonly dispatch: RequestListener
  /** The last request of a connection; its answer closes it. */
  readonly maxRequests: number
  /** Called when a request begins and when none is left. */
  readonly onBusy: (isBusy: boolean) => void
  readonly onRawAnswer: (answer: RawAnswer) => void
}

interface Message {
  readonly request: IncomingMessage
  readonly response: ServerResponse
}

/**
 * Node hands over pipelined requests at once. Here one waits for the answer to the one before, so that nothing behind
 * an answer that closes the connection is carried out, and so that pipelining is no way to many requests at once.
 */
export function createConnection(socket: Socket, options: ConnectionOptions): Connection {
  let current: Message | undefined
  const waiting: Message[] = []
  let requests = 0
  /** Nothing that still comes is carried out. */
  let isLast = false
  let isRefused = false
  let isClosing = false
  /** What is to be said when all that came before has its answer. */
  let lastWord: KeystowError | undefined

  /** Sends what is written and a FIN, and reads on for a while: a reset would take the answer from the client. */
  function close(): void {
    if (isClosing) return
    isClosing = true
    isLast = true
    socket.end()
    discardInput(socket)
    linger(socket)
  }

  function answerRaw(error: KeystowError): void {
    const address = socket.remoteAddress
    const requestId = writeRawError(socket, error)
    options.onRawAnswer({ requestId, error, address })
  }

  function start(message: Message): void {
    current = message
    message.response.once('close', goOn)
    options.onBusy(true)
    options.dispatch(message.request, message.response)
  }

  function goOn(): void {
    current = undefined
    const next = isClosing ? undefined : waiting.shift()
    if (next !== undefined) return start(next)
    options.onBusy(false)
    if (isClosing || socket.destroyed) return
    if (lastWord !== undefined) answerRaw(lastWord)
    if (isLast) close()
  }

  /** The message that is in doubt is the last that came; its body is, if it has not come to its end. */
  function refuse(error: KeystowError): void {
    const message = waiting.at(-1) ?? current
    if (message === undefined || message.request.complete) lastWord = error
    else if (message !== current) {
      waiting.pop()
      lastWord = error
    } else if (message.response.headersSent) return void socket.destroy()
    // Whoever reads the body answers for it, unless nobody is there for the answer.
    else if (message.request.listenerCount('error') > 0 && !socket.readableEnded) {
      message.request.emit('error', error)
    } else {
      // It has a line of its own in the log.
      writeRawError(socket, error)
      close()
    }
    if (current === undefined) goOn()
  }

  socket.on('end', () => {
    // A client that is gone and one that only says no more look alike (RFC 9112 section 9.6): the answer is in vain.
    if (current?.request.complete === true && !current.response.writableEnded) socket.destroy()
  })
  // What Node calls behind an answer with "Connection: close".
  socket.destroySoon = close

  return {
    isStalled: createStallClock(socket),
    take(request, response) {
      if (isLast) return void request.resume()
      requests++
      if (requests >= options.maxRequests || request.headers.upgrade !== undefined) {
        isLast = true
        response.shouldKeepAlive = false
      }
      const message = { request, response }
      if (current === undefined) return start(message)
      if (waiting.length < MAX_WAITING && canWait(request)) return void waiting.push(message)
      isLast = true
      request.resume()
    },
    refuse(error) {
      if (isRefused || isClosing) return
      isRefused = true
      isLast = true
      discardInput(socket)
      refuse(error)
    },
  }
}

function canWait({ headers }: IncomingMessage): boolean {
  if (headers['transfer-encoding'] !== undefined) return false
  return Number(headers['content-length'] ?? 0) <= MAX_WAITING_BODY_BYTES
}

/** Lets a connection that is read for its client's sake go on for a while, and no longer. */
function linger(socket: Socket): void {
  const cut = (): void => void socket.destroy()
  const total = setTimeout(cut, LINGER_MS)
  const silence = setTimeout(cut, LINGER_SILENCE_MS)
  let bytes = 0
  socket.on('data', (chunk: Buffer) => {
    silence.refresh()
    bytes += chunk.length
    if (bytes > MAX_LINGER_BYTES) cut()
  })
  socket.once('close', () => {
    clearTimeout(total)
    clearTimeout(silence)
  })
}

/** Takes the bytes from the HTTP parser and drops them; that the client closes is still seen. */
function discardInput(socket: Socket): void {
  socket.removeAllListeners('data')
  socket.on('data', () => {})
  socket.resume()
}

function createStallClock(socket: Socket): Connection['isStalled'] {
  let flushed = 0
  let movedAt = 0
  return (now, limitMs) => {
    const pending = socket.writableLength
    const written = pending === 0 ? 0 : socket.bytesWritten - pending
    if (pending === 0 || written !== flushed) {
      flushed = written
      movedAt = now
    }
    return now - movedAt >= limitMs
  }
}
