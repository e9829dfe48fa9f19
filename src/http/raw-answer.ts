import type { Socket } from 'node:net'

import { type KeystowError, toOpenAIError } from '../errors.ts'
import { createRequestId } from '../request-id.ts'
import { STATUS_CODES } from './node-http.ts'

/**
 * Writes an error to a connection on which no request can be told from the next; it is to be closed afterwards. Returns
 * the request id that it was given.
 */
export function writeRawError(socket: Socket, error: KeystowError): string {
  const requestId = createRequestId()
  const body = JSON.stringify(toOpenAIError(error))
  const headers = Object.entries({
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
    'x-request-id': requestId,
    ...error.headers,
    connection: 'close',
  })
  const lines = headers.map(([name, value]) => `${name}: ${value}\r\n`)
  socket.write(
    `HTTP/1.1 ${error.status} ${STATUS_CODES[error.status] ?? ''}\r\n${lines.join('')}\r\n${body}`,
  )
  return requestId
}
