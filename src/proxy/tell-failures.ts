import type { Socket } from 'node:net'

/** How a connection that its other side reset is told; undici takes `ECONNRESET` for the end of an answer. */
export const RESET_CODE = 'UPSTREAM_RESET'

/** How a connection is told that was ended because its request was aborted. */
const ABORT_CODE = 'UPSTREAM_ABORTED'

/**
 * Gives two failures another code before undici's listener sees them (7.30, `client-h1.js`). A reset: an answer that is
 * framed by the end of its connection was cut, and would pass for whole (`onHttpSocketError`). An abort: the request
 * would go back into the queue and a connection be made for it, which nobody uses and nothing ends (`onHttpSocketClose`,
 * https://github.com/nodejs/undici/issues/5845). Any other code fails the request.
 */
export function tellFailures(socket: Socket): void {
  socket.prependListener('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'ECONNRESET') error.code = RESET_CODE
    else if (error.code === 'UND_ERR_INFO' && error.message === 'aborted') error.code = ABORT_CODE
  })
}
