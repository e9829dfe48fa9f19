import type { Server, Socket } from 'node:net'

/** The TCP sockets under a server, TLS or not. */
export interface SocketRegistry {
  /** Sends a TCP RST on the connection that comes from this port. */
  reset(remotePort: number | undefined): void
  destroyAll(): void
}

/**
 * Watches a server's connections. A TLS socket cannot be reset itself (it has no TCP handle); the raw
 * socket below it can, and is found by the port the client connected from.
 */
export function watchSockets(server: Server): SocketRegistry {
  const sockets = new Map<number, Socket>()
  server.on('connection', (socket: Socket) => {
    const { remotePort } = socket
    if (remotePort === undefined) return
    sockets.set(remotePort, socket)
    socket.on('error', () => {})
    socket.once('close', () => {
      if (sockets.get(remotePort) === socket) sockets.delete(remotePort)
    })
  })
  return {
    reset(remotePort) {
      if (remotePort !== undefined) sockets.get(remotePort)?.resetAndDestroy()
    },
    destroyAll() {
      for (const socket of sockets.values()) socket.destroy()
    },
  }
}
