import type { Socket } from 'node:net'

/** How a connection that its other side reset is told; undici takes `ECONNRESET` for the end of an answer. */
export const RESET_CODE = 'UPSTREAM_RESET'

/**
 * Gives a reset another code before undici's listener sees it: an answer that is framed by the end of its connection
 * was cut, and would pass for whole (7.30, `onHttpSocketError` in `client-h1.js`). Any other code fails the request.
 */
export function tellResets(socket: Socket): Socket {
  socket.prependListener('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'ECONNRESET') error.code = RESET_CODE
  })
  return socket
}
