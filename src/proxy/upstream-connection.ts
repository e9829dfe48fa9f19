import type { Socket } from 'node:net'

import { buildConnector, type Client } from 'undici'

import { tellFailures } from './tell-failures.ts'
import { prepareSocket } from './upstream-socket.ts'

/** Longer than undici's 4 s, so that a chat's next message finds its connection; shorter than servers keep theirs. */
const KEEP_ALIVE_MS = 30_000

export interface ConnectionOptions {
  readonly connectTimeoutMs: number
  /** An answer whose head or trailers are larger is an error. */
  readonly headerLimitBytes: number
}

/**
 * How connections to an upstream are made and kept. TLS is verified whatever `NODE_TLS_REJECT_UNAUTHORIZED` says:
 * reply-from 12.6.5 turns verification off by default, and would hand the credential to any certificate.
 */
export function connectionOptions(options: ConnectionOptions): Client.Options {
  const { connectTimeoutMs: timeout, headerLimitBytes } = options
  const connect = buildConnector({ timeout, rejectUnauthorized: true })
  function prepare(socket: Socket): Socket {
    prepareSocket(socket, headerLimitBytes)
    tellFailures(socket)
    return socket
  }
  return {
    pipelining: 1,
    maxHeaderSize: headerLimitBytes,
    keepAliveTimeout: KEEP_ALIVE_MS,
    // Waiting is timed by the exchange, which knows a silent stream from a slow reader.
    headersTimeout: 0,
    bodyTimeout: 0,
    connect(target, callback) {
      connect(target, (...[error, socket]) => {
        if (error === null) callback(null, prepare(socket))
        else callback(error, null)
      })
    },
  }
}
