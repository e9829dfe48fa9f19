import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'

import { onTestFinished } from 'vitest'

import { portOf } from './port.ts'

export interface Tap {
  /** Stands in for the origin of the server behind it. */
  readonly origin: string
  /** Every byte that clients sent so far. */
  sent(): Buffer
  /** Every byte, status lines and headers too, that clients received so far. */
  answered(): Buffer
}

/** A wire to a port of the loopback address that keeps what passes, for clients that show only a part of it. */
export async function startTap(port: number): Promise<Tap> {
  const sent: Buffer[] = []
  const answered: Buffer[] = []
  const sockets: Socket[] = []
  const server = createServer((client) => {
    const target = connect(port, '127.0.0.1')
    sockets.push(client, target)
    join(client, target, sent)
    join(target, client, answered)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(async () => {
    for (const socket of sockets) socket.destroy()
    server.close()
    await once(server, 'close')
  })
  return {
    origin: `http://127.0.0.1:${portOf(server)}`,
    sent: () => Buffer.concat(sent),
    answered: () => Buffer.concat(answered),
  }
}

function join(from: Socket, to: Socket, seen: Buffer[]): void {
  from.setNoDelay(true)
  from.on('data', (chunk: Buffer) => seen.push(chunk))
  from.on('error', () => to.destroy())
  from.pipe(to)
}
