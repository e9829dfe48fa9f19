import { lookup } from 'node:dns/promises'
import { once } from 'node:events'
import type { Server } from 'node:http'

import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'

interface LocalhostOptions {
  /** The address that is listened on. */
  readonly host: string
  /** Makes another server of the application. */
  readonly createServer: () => Server
  /** The addresses of a name. */
  readonly resolve?: (name: string) => Promise<readonly string[]>
}

const NAME = 'localhost'

/** Listens on every address that `localhost` has: Fastify does so only with servers that it makes itself. */
export default fp(
  async function localhost(app: FastifyInstance, options: LocalhostOptions) {
    const { host, createServer, resolve = lookUpAll } = options
    if (host !== NAME) return
    const others: Server[] = []

    app.addHook('onListen', async () => {
      const own = app.server.address()
      if (own === null || typeof own === 'string') return
      const addresses = new Set(await resolve(NAME))
      addresses.delete(own.address)
      for (const address of addresses) {
        const server = createServer()
        others.push(server)
        server.listen(own.port, address)
        // Where the machine has no such address, the first one is enough.
        await Promise.race([once(server, 'listening'), once(server, 'error')]).catch(() => {})
      }
    })
    app.addHook('onClose', () => {
      for (const server of others) {
        server.close()
        server.closeAllConnections()
      }
    })
  },
  { name: 'localhost' },
)

async function lookUpAll(name: string): Promise<readonly string[]> {
  return (await lookup(name, { all: true })).map(({ address }) => address)
}
