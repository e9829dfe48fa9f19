import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

import type { KeystowError } from '../errors.ts'
import { writeRawError } from './raw-answer.ts'
import type { RequestTurns } from './request-turns.ts'

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

/** An error that was answered without a request that could be read. */
export interface RawAnswer {
  readonly requestId: string
  readonly error: KeystowError
  readonly address: string | undefined
}

export interface ConnectionOptions {
  readonly dispatch: RequestListener
  readonly turns: RequestTurns
  /** The last request of a connection; its answer closes it. */
  readonly maxRequests: number
  /** Called when a request begins and when none is left. */
  readonly onBusy: (socket: Socket, isBusy: boolean) => void
  readonly onRawAnswer: (answer: RawAnswer) => void
}

interface Message {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  /** The application knows of it, and has a line for it in the log. */
  isBegun?: boolean
}

/** A client's connection: one request at a time, and none after one whose end is in doubt. */
export interface Connection {
  readonly socket: Socket
  /** The same for all connections of a server: one that does nothing takes little. */
  readonly options: ConnectionOptions
  current: Message | undefined
  readonly waiting: Message[]
  requests: number
  /** Nothing that still comes is carried out. */
  isLast: boolean
  isRefused: boolean
  isClosing: boolean
  /** What is to be said when all that came before has its answer. */
  lastWord: KeystowError | undefined
  /** Bytes that have gone out, as far as was seen, and when that was seen. */
  flushed: number
  movedAt: number
}

/**
 * Node hands over pipelined requests at once. Here one waits for the answer to the one before, so that nothing behind
 * an answer that closes the connection is carried out, and so that pipelining is no way to many requests at once.
 */
export function createConnection(socket: Socket, options: ConnectionOptions): Connection {
  const connection: Connection = {
    socket,
    options,
    current: undefined,
    waiting: [],
    requests: 0,
    isLast: false,
    isRefused: false,
    isClosing: false,
    lastWord: undefined,
    flushed: 0,
    movedAt: 0,
  }
  socket.on('end', () => {
    const { current } = connection
    // A client that is gone and one that only says no more look alike (RFC 9112 section 9.6): the answer is in vain.
    if (current?.request.complete === true && !current.response.writableEnded) socket.destroy()
  })
  // What Node calls behind an answer with "Connection: close".
  socket.destroySoon = () => close(connection)
  return connection
}

/** A request was read from it. */
export function takeRequest(connection: Connection, message: Message): void {
  const { waiting, options } = connection
  const { request, response } = message
  if (connection.isLast) return void request.resume()
  connection.requests++
  if (connection.requests >= options.maxRequests || request.headers.upgrade !== undefined) {
    connection.isLast = true
    response.shouldKeepAlive = false
  }
  if (connection.current === undefined) return start(connection, message)
  if (waiting.length < MAX_WAITING && canWait(request)) return void waiting.push(message)
  connection.isLast = true
  request.resume()
}

/** What came is no request: tells the client so when those before it are answered, and closes. */
export function refuseInput(connection: Connection, error: KeystowError): void {
  if (connection.isRefused || connection.isClosing) return
  connection.isRefused = true
  connection.isLast = true
  discardInput(connection.socket)
  refuse(connection, error)
}

/** Whether what was written has not moved for as long as this; to be asked again and again. */
export function isStalled(connection: Connection, now: number, limitMs: number): boolean {
  const { socket } = connection
  const pending = socket.writableLength
  const written = pending === 0 ? 0 : socket.bytesWritten - pending
  if (pending === 0 || written !== connection.flushed) {
    connection.flushed = written
    connection.movedAt = now
  }
  return now - connection.movedAt >= limitMs
}

/** Sends what is written and a FIN, and reads on for a while: a reset would take the answer from the client. */
function close(connection: Connection): void {
  const { socket } = connection
  if (connection.isClosing) return
  connection.isClosing = true
  connection.isLast = true
  socket.end()
  discardInput(socket)
  linger(socket)
}

function answerRaw({ socket, options }: Connection, error: KeystowError): void {
  const address = socket.remoteAddress
  const requestId = writeRawError(socket, error)
  options.onRawAnswer({ requestId, error, address })
}

function start(connection: Connection, message: Message): void {
  const { socket, options } = connection
  connection.current = message
  message.response.on('close', () => goOn(connection))
  options.onBusy(socket, true)
  options.turns.take(() => dispatch(connection, message))
}

/** Nobody waits for the answer any more where the client left before its turn, or was refused. */
function dispatch({ isClosing, socket, options }: Connection, message: Message): void {
  if (isClosing || socket.destroyed) return
  message.isBegun = true
  options.dispatch(message.request, message.response)
}

function goOn(connection: Connection): void {
  const { socket, options, waiting, isClosing, lastWord } = connection
  connection.current = undefined
  const next = isClosing ? undefined : waiting.shift()
  if (next !== undefined) return start(connection, next)
  options.onBusy(socket, false)
  if (isClosing || socket.destroyed) return
  if (lastWord !== undefined) answerRaw(connection, lastWord)
  if (connection.isLast) close(connection)
}

/** The message that is in doubt is the last that came; its body is, if it has not come to its end. */
function refuse(connection: Connection, error: KeystowError): void {
  const { socket, current, waiting } = connection
  const message = waiting.at(-1) ?? current
  if (message === undefined || message.request.complete) connection.lastWord = error
  else if (message !== current) {
    waiting.pop()
    connection.lastWord = error
  } else if (message.response.headersSent) return void socket.destroy()
  // Whoever reads the body answers for it, unless nobody is there for the answer.
  else if (message.request.listenerCount('error') > 0 && !socket.readableEnded) {
    message.request.emit('error', error)
  } else {
    if (message.isBegun === true) writeRawError(socket, error)
    else answerRaw(connection, error)
    close(connection)
  }
  if (connection.current === undefined) goOn(connection)
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
