import { once } from 'node:events'
import { createServer, type Server } from 'node:net'

import { hasNoSuchAddress, otherAddresses, type Resolve } from '../http/localhost-addresses.ts'
import { codeOf } from '../thrown.ts'

/** A port that is free on one address may be taken on another. */
const TRIES = 10

interface Wanted {
  readonly host: string
  /** 0 is any. */
  readonly port: number
}

/**
 * The port that all threads can then listen on, on every address of the host; rejects when another process has it,
 * which a port that is shared would not tell.
 */
export async function findPort(wanted: Wanted, resolve?: Resolve): Promise<number> {
  for (let left = TRIES - 1; ; left--) {
    try {
      return await tryPort(wanted, resolve)
    } catch (error) {
      if (wanted.port !== 0 || left === 0 || codeOf(error) !== 'EADDRINUSE') throw error
    }
  }
}

async function tryPort({ host, port }: Wanted, resolve?: Resolve): Promise<number> {
  const server = await listen(host, port)
  const servers = [server]
  try {
    const own = server.address()
    if (own === null || typeof own === 'string') return port
    for (const address of await otherAddresses(host, own.address, resolve)) {
      try {
        servers.push(await listen(address, own.port))
      } catch (error) {
        if (!hasNoSuchAddress(error)) throw error
      }
    }
    return own.port
  } finally {
    await Promise.all(servers.map(close))
  }
}

async function listen(host: string, port: number): Promise<Server> {
  const server = createServer()
  server.listen({ host, port })
  await once(server, 'listening')
  return server
}

async function close(server: Server): Promise<void> {
  server.close()
  await once(server, 'close')
}
