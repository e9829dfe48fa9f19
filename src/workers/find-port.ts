import { once } from 'node:events'
import { createServer } from 'node:net'

/**
 * The port that all threads can then listen on; rejects when another process has it, which a port that is shared
 * would not tell.
 */
export async function findPort(host: string, port: number): Promise<number> {
  const server = createServer()
  server.listen({ host, port })
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  return address === null || typeof address === 'string' ? port : address.port
}
