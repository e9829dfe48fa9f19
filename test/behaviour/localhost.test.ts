import { createServer } from 'node:http'

import Fastify from 'fastify'
import { describe, expect, it, onTestFinished } from 'vitest'

import localhost from '../../src/plugins/localhost.ts'
import { startGateway } from '../helpers/gateway.ts'
import { echo, startUpstream } from '../helpers/upstream.ts'

describe('HOST=localhost', () => {
  it('serves', async () => {
    const upstream = await startUpstream(echo)
    const gateway = await startGateway({ upstream: upstream.origin, env: { HOST: 'localhost' } })
    expect((await gateway.fetch('/v1/x')).status).toBe(200)
  })

  it('serves every address of the name that the machine has', async () => {
    const app = Fastify()
    app.get('/', () => 'one')
    onTestFinished(() => app.close())
    const servers: unknown[] = []
    await app.register(localhost, {
      host: 'localhost',
      resolve: async () => ['127.0.0.1', '127.0.0.2', '203.0.113.1'],
      createServer() {
        const server = createServer((_request, response) => response.end('another'))
        servers.push(server)
        return server
      },
    })
    const origin = await app.listen({ host: '127.0.0.1', port: 0 })
    expect(await (await fetch(origin)).text()).toBe('one')
    const beside = origin.replace('127.0.0.1', '127.0.0.2')
    while (servers.length < 2) await new Promise((resolve) => setTimeout(resolve, 5))
    expect(await (await fetch(beside)).text()).toBe('another')
    await app.close()
    await expect(fetch(beside)).rejects.toThrow('fetch failed')
  })

  it.each(['127.0.0.1', '0.0.0.0'])('is no concern of %s', async (host) => {
    const app = Fastify()
    onTestFinished(() => app.close())
    await app.register(localhost, {
      host,
      createServer() {
        throw new Error('made another server')
      },
    })
    await expect(app.listen({ host: '127.0.0.1', port: 0 })).resolves.toMatch(/^http/)
  })
})
