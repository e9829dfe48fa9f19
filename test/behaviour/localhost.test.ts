import { once } from 'node:events'
import { createServer } from 'node:http'

import Fastify, { type FastifyListenOptions } from 'fastify'
import { describe, expect, it, onTestFinished } from 'vitest'

import localhost from '../../src/plugins/localhost.ts'
import { startGateway } from '../helpers/gateway.ts'
import { portOf } from '../helpers/port.ts'
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
      reusePort: false,
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

  it('shares the port of every address with other threads', async () => {
    const answered = new Set<number>()
    let port = 0
    for (const number of [1, 2]) {
      const app = Fastify()
      onTestFinished(() => app.close())
      const server = createServer((_request, response) => {
        answered.add(number)
        response.end()
      })
      await app.register(localhost, {
        host: 'localhost',
        reusePort: true,
        resolve: async () => ['127.0.0.1', '127.0.0.2'],
        createServer: () => server,
      })
      const address: FastifyListenOptions & { reusePort: boolean } = {
        host: '127.0.0.1',
        port,
        reusePort: true,
      }
      port = Number(new URL(await app.listen(address)).port)
      await expect.poll(() => server.listening, { timeout: 10_000 }).toBe(true)
    }
    // The kernel gives each connection to any of the two.
    const ask = () => fetch(`http://127.0.0.2:${port}`, { headers: { connection: 'close' } })
    await Promise.all(Array.from({ length: 64 }, ask))
    expect(answered).toEqual(new Set([1, 2]))
  })

  it('says so when another process has one of the addresses', async () => {
    const other = createServer().listen(0, '127.0.0.2')
    onTestFinished(() => void other.close())
    await once(other, 'listening')
    const written: string[] = []
    const app = Fastify({ logger: { stream: { write: (line) => written.push(line) } } })
    onTestFinished(() => app.close())
    await app.register(localhost, {
      host: 'localhost',
      reusePort: false,
      resolve: async () => ['203.0.113.1', '127.0.0.2'],
      createServer: () => createServer(),
    })
    const port = portOf(other)
    await app.listen({ host: '127.0.0.1', port })
    await expect
      .poll(() => written.join(''), { timeout: 10_000 })
      .toContain(`cannot listen on 127.0.0.2:${port}`)
    expect(written.join('')).not.toContain('203.0.113.1')
  })

  it.each(['127.0.0.1', '0.0.0.0'])('is no concern of %s', async (host) => {
    const app = Fastify()
    onTestFinished(() => app.close())
    await app.register(localhost, {
      host,
      reusePort: false,
      createServer() {
        throw new Error('made another server')
      },
    })
    await expect(app.listen({ host: '127.0.0.1', port: 0 })).resolves.toMatch(/^http/)
  })
})
