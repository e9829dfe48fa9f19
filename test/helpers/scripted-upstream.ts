import { createServer, type Server, type Socket } from 'node:net'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { createServer as createTlsServer } from 'node:tls'

import { onTestFinished } from 'vitest'

import type { Certificate } from './certificate.ts'
import { portOf } from './port.ts'

/** Writes whatever it likes to a request's connection. */
export type ScriptedHandler = (socket: Socket, request: string) => unknown

const HEAD_END = '\r\n\r\n'

/** An upstream of bare sockets, for answers that no HTTP library would send; ends with the test. */
export async function startScriptedUpstream(
  handle: ScriptedHandler,
  tls?: Certificate,
): Promise<string> {
  const sockets = new Set<Socket>()
  const accept = (socket: Socket): void => {
    sockets.add(socket)
    socket.setNoDelay(true)
    socket.on('error', () => {})
    socket.once('close', () => sockets.delete(socket))
    readRequests(socket, handle)
  }
  const server: Server = tls === undefined ? createServer(accept) : createTlsServer(tls, accept)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${portOf(server)}`
}

/** Writes each piece in a turn of its own, so that it is a segment, and in TLS a record, of its own. */
export async function writeApart(
  socket: Socket,
  pieces: readonly (string | Buffer)[],
): Promise<void> {
  for (const piece of pieces) {
    if (!socket.writable) return
    if (piece.length > 0) socket.write(piece)
    await nextTurn()
  }
}

function readRequests(socket: Socket, handle: ScriptedHandler): void {
  let seen = ''
  socket.on('data', (chunk: Buffer) => {
    seen += chunk.toString('latin1')
    const headEnd = seen.indexOf(HEAD_END)
    if (headEnd === -1) return
    const head = seen.slice(0, headEnd)
    const length = Number(/\r\ncontent-length: *(\d+)/i.exec(head)?.[1] ?? 0)
    const end = headEnd + HEAD_END.length + length
    if (seen.length < end) return
    const request = seen.slice(0, end)
    seen = seen.slice(end)
    void handle(socket, request)
  })
}
