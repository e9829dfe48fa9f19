import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'

import { onTestFinished } from 'vitest'

import { portOf } from './port.ts'

/** A connection to a server that can be cut, or go deaf on one side. */
export interface Wire {
  readonly port: number
  /** Ends what is connected and takes no new connection. */
  cut(): void
  /** What is sent still arrives, and no answer does. */
  dropAnswers(): void
  restore(): void
}

/** Stands between clients and a port of the loopback address. */
export async function startWire(target: number): Promise<Wire> {
  const sockets = new Set<Socket>()
  let state: 'whole' | 'cut' | 'deaf' = 'whole'
  const server = createServer((client) => {
    if (state === 'cut') {
      client.destroy()
      return
    }
    const upstream = connect(target, '127.0.0.1')
    for (const socket of [client, upstream]) {
      sockets.add(socket)
      socket.on('error', () => socket.destroy())
      socket.on('close', () => sockets.delete(socket))
    }
    client.on('close', () => upstream.destroy())
    upstream.on('close', () => client.destroy())
    client.pipe(upstream)
    upstream.on('data', (chunk: Buffer) => state === 'deaf' || client.write(chunk))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')

  function end(): void {
    for (const socket of sockets) socket.destroy()
  }

  onTestFinished(() => {
    end()
    server.close()
  })
  return {
    port: portOf(server),
    cut() {
      state = 'cut'
      end()
    },
    dropAnswers() {
      state = 'deaf'
    },
    restore() {
      if (state === 'deaf') end()
      state = 'whole'
    },
  }
}
