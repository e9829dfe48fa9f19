import type { Server, IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

import { type ErrorName, KeystowError, toOpenAIError } from './errors.ts'
import { createRequestId } from './request-id.ts'

/** What Node's parser refuses, by the code of its error; the rest is a bad request. */
const BY_PARSER_CODE: Readonly<Record<string, ErrorName>> = {
  HPE_HEADER_OVERFLOW: 'headersTooLarge',
  ERR_HTTP_REQUEST_TIMEOUT: 'requestTimeout',
}

/** Answers what Node could not parse, and closes: where the next request would begin is anybody's guess. */
export function sendRawError(error: Error & { code?: string }, socket: Socket): void {
  // More bytes after a request that was the connection's last: its own answer ends the connection.
  if (error.code === 'HPE_CLOSED_CONNECTION') return
  if (!socket.writable || error.code === 'ECONNRESET') return void socket.destroy()
  const name = BY_PARSER_CODE[error.code ?? ''] ?? 'badRequest'
  writeRaw(socket, new KeystowError(name))
}

/** Takes what Node would answer by itself, or not at all, into the same hands as every other request. */
export function listenForRawRequests(server: Server): void {
  const pass = (request: IncomingMessage, response: ServerResponse): void => {
    server.emit('request', request, response)
  }
  // The word to go on is given when the body is wanted, not before identity and limits.
  server.on('checkContinue', pass)
  server.on('checkExpectation', (_request, response: ServerResponse) => {
    const { status, body } = describe(new KeystowError('expectationFailed'))
    const headers = {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(body),
      connection: 'close',
      'x-request-id': createRequestId(),
    }
    response.writeHead(status, headers).end(body)
  })
  server.on('connect', (_request, socket: Socket) => {
    socket.on('error', () => socket.destroy())
    writeRaw(socket, new KeystowError('methodNotAllowed'))
  })
}

function describe(error: KeystowError): { status: number; body: string } {
  return { status: error.status, body: JSON.stringify(toOpenAIError(error)) }
}

function writeRaw(socket: Socket, error: KeystowError): void {
  const { status, body } = describe(error)
  socket.end(
    `HTTP/1.1 ${status} ${error.code}\r\ncontent-type: application/json\r\n` +
      `content-length: ${Buffer.byteLength(body)}\r\nx-request-id: ${createRequestId()}\r\n` +
      `connection: close\r\n\r\n${body}`,
  )
}
