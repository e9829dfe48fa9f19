import type { IncomingMessage, RequestListener, Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

import { addressKey, parseAddress } from '../clients/address.ts'
import { type ErrorName, KeystowError } from '../errors.ts'
import { overloaded } from '../limits/overloaded.ts'
import {
  type Connection,
  type ConnectionOptions,
  createConnection,
  isStalled,
  type RawAnswer,
  refuseInput,
  takeRequest,
} from './connection.ts'
import { createConnectionTable } from './connection-table.ts'
import { createServer } from './node-http.ts'
import type { RequestTurns } from './request-turns.ts'

/** What Node's parser refuses, by the code of its error; the rest is a bad request. */
const BY_PARSER_CODE: Readonly<Record<string, ErrorName>> = {
  HPE_HEADER_OVERFLOW: 'headersTooLarge',
  ERR_HTTP_REQUEST_TIMEOUT: 'requestTimeout',
}

/** How often Node looks for requests that take too long. */
const CHECK_INTERVAL_MS = 1000

/** How often readers that stopped are looked for, unless they are to be cut off sooner than that. */
const SWEEP_INTERVAL_MS = 5000

/** Connections over the limit that are told so; any more are closed without a word. */
const REFUSED_AT_ONCE = 64

export interface ServerBounds {
  readonly headerLimitKb: number
  readonly headerCountLimit: number
  readonly headerTimeoutMs: number
  readonly requestTimeoutMs: number
  readonly keepAliveTimeoutMs: number
  readonly requestsPerConnection: number
  readonly connectionLimit: number
  readonly connectionLimitPerAddress: number
  readonly clientWriteTimeoutMs: number
}

/** Why a connection was closed against its client's will. */
export type CutReason = 'evicted' | 'refused' | 'write_timeout'

interface ServerOptions {
  readonly bounds: ServerBounds
  readonly turns: RequestTurns
  /** Whether the limit for each address leaves this one out: many clients stand behind it. */
  readonly isShared: (address: string) => boolean
  readonly onCut: (reason: CutReason) => void
  /** Called for each answer that the application does not know of; a connection has one at most. */
  readonly onRawAnswer: (answer: RawAnswer) => void
}

/** The HTTP server under the application: what it takes of a request, a connection and an address. */
function createHttpServer(dispatch: RequestListener, options: ServerOptions): Server {
  const { bounds } = options
  const server = createServer({
    maxHeaderSize: bounds.headerLimitKb * 1024,
    headersTimeout: Math.min(bounds.headerTimeoutMs, bounds.requestTimeoutMs),
    requestTimeout: bounds.requestTimeoutMs,
    keepAliveTimeout: bounds.keepAliveTimeoutMs,
    connectionsCheckingInterval: CHECK_INTERVAL_MS,
    // Whatever NODE_OPTIONS says.
    httpValidation: 'strict',
    // Refused like everything else, with a body that says why.
    requireHostHeader: false,
  })
  // Node drops those that are too many without a word; one more than allowed is how the application knows.
  server.maxHeadersCount = bounds.headerCountLimit + 1
  if (bounds.connectionLimit > 0) server.maxConnections = bounds.connectionLimit + REFUSED_AT_ONCE
  server.on('drop', () => options.onCut('refused'))

  const findConnection = trackConnections(server, dispatch, options)
  const take = (request: IncomingMessage, response: ServerResponse): void =>
    takeRequest(findConnection(request.socket), { request, response })
  server.on('request', take)
  // The word to go on is given when the body is wanted, not before identity and limits.
  server.on('checkContinue', take)
  server.on('checkExpectation', take)
  server.on('connect', ({ socket }: IncomingMessage) => {
    socket.on('error', () => socket.destroy())
    refuseInput(findConnection(socket), new KeystowError('methodNotAllowed'))
  })
  server.on('clientError', (error: Error & { code?: string }, socket: Socket) => {
    // A browser connects before it has a request; that none came needs no answer.
    if (!socket.writable || socket.bytesRead === 0) socket.destroy()
    else
      refuseInput(
        findConnection(socket),
        new KeystowError(BY_PARSER_CODE[error.code ?? ''] ?? 'badRequest'),
      )
  })
  return server
}

/** Makes the servers of one application, each with its own connections. */
export function createServers(options: ServerOptions) {
  let dispatch: RequestListener = () => {}
  return {
    /** The first, for Fastify. */
    create(own: RequestListener): Server {
      dispatch = own
      return createHttpServer(dispatch, options)
    },
    /** One more that serves the same. */
    createAnother: (): Server => createHttpServer(dispatch, options),
  }
}

/** Keeps the connections of a server within their limits; finds the one of a socket. */
function trackConnections(
  server: Server,
  dispatch: RequestListener,
  { bounds, turns, isShared, onCut, onRawAnswer }: ServerOptions,
): (socket: Socket) => Connection {
  const connections = new WeakMap<Socket, Connection>()
  const table = createConnectionTable<Socket>({
    limit: bounds.connectionLimit,
    limitPerAddress: bounds.connectionLimitPerAddress,
    onEvicted(socket) {
      onCut('evicted')
      socket.destroy()
    },
  })

  const connectionOptions: ConnectionOptions = {
    dispatch,
    turns,
    maxRequests: bounds.requestsPerConnection,
    onBusy: (socket, isBusy) => table.setBusy(socket, isBusy),
    onRawAnswer,
  }

  function open(socket: Socket): Connection {
    const connection = createConnection(socket, connectionOptions)
    connections.set(socket, connection)
    socket.on('close', () => table.remove(socket))
    return connection
  }

  server.on('connection', (socket: Socket) => {
    const connection = open(socket)
    const address = parseAddress(socket.remoteAddress ?? '')
    // Reset before anybody looked: what it has sent is not worth carrying out.
    if (address === undefined) socket.destroy()
    else if (!table.add(socket, isShared(address) ? undefined : addressKey(address))) {
      onCut('refused')
      refuseInput(connection, overloaded())
    }
  })

  function cutStalled(): void {
    const now = performance.now()
    for (const socket of table.all()) {
      const connection = connections.get(socket)
      if (connection === undefined) continue
      if (!isStalled(connection, now, bounds.clientWriteTimeoutMs)) continue
      onCut('write_timeout')
      // What is still to be sent goes with it, and no short answer looks whole.
      socket.resetAndDestroy()
    }
  }

  server.on('listening', () => {
    const period = Math.min(Math.ceil(bounds.clientWriteTimeoutMs / 4), SWEEP_INTERVAL_MS)
    const timer = setInterval(cutStalled, period)
    timer.unref()
    server.once('close', () => clearInterval(timer))
  })
  return (socket) => connections.get(socket) ?? open(socket)
}
