import { once } from 'node:events'
import { createServer, type Server } from 'node:net'

import { describe, expect, it, onTestFinished } from 'vitest'

import { findPort } from '../../src/workers/find-port.ts'
import { portOf } from '../helpers/port.ts'

async function listen(host: string, port = 0): Promise<Server> {
  const server = createServer()
  onTestFinished(() => void server.close())
  // As a server with threads does, so that nobody else who shares it would be told.
  server.listen({ host, port, reusePort: true })
  await once(server, 'listening')
  return server
}

const resolve = async () => ['127.0.0.1', '203.0.113.1', '127.0.0.2']

describe('the port for all threads', () => {
  it.each(['127.0.0.1', '127.0.0.2'])(
    'is refused when another process has it on %s',
    async (at) => {
      const port = portOf(await listen(at))
      const finding = findPort({ host: 'localhost', port }, resolve)
      await expect(finding).rejects.toMatchObject({ code: 'EADDRINUSE' })
    },
  )

  it('is free on every address of the machine when it is found, and is given back', async () => {
    const port = await findPort({ host: 'localhost', port: 0 }, resolve)
    for (const host of ['127.0.0.1', '127.0.0.2'])
      expect(portOf(await listen(host, port))).toBe(port)
  })

  it('is no concern of other addresses when the host has one', async () => {
    const port = portOf(await listen('127.0.0.2'))
    expect(await findPort({ host: '127.0.0.1', port }, resolve)).toBe(port)
  })
})
