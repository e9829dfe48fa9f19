import { once } from 'node:events'
import type { Server } from 'node:http'
import type { ListenOptions } from 'node:net'

import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'

import { hasNoSuchAddress, otherAddresses, type Resolve } from '../http/localhost-addresses.ts'
import { urlHost } from '../http/url-host.ts'
import { describeListenProblem } from '../listen-problem.ts'

interface LocalhostOptions {
  /** The address that is listened on. */
  readonly host: string
  /** Whether other threads listen on the same port. */
  readonly reusePort: boolean
  /** Makes another server of the application. */
  readonly createServer: () => Server
  /** The addresses of a name. */
  readonly resolve?: Resolve
}

/** Listens on every address that `localhost` has: Fastify does so only with servers that it makes itself. */
export default fp(
  async function localhost(app: FastifyInstance, options: LocalhostOptions) {
    const { host, reusePort, createServer, resolve } = options
    const others: Server[] = []

    async function listen(address: ListenOptions & { host: string; port: number }): Promise<void> {
      const server = createServer()
      others.push(server)
      server.listen(address)
      try {
        await once(server, 'listening')
        app.log.info(`Server listening at http://${urlHost(address.host)}:${address.port}`)
      } catch (err) {
        if (!hasNoSuchAddress(err)) app.log.warn({ err }, describeListenProblem(err, address))
      }
    }

    app.addHook('onListen', async () => {
      const own = app.server.address()
      if (own === null || typeof own === 'string') return
      for (const address of await otherAddresses(host, own.address, resolve)) {
        await listen({ host: address, port: own.port, reusePort })
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
