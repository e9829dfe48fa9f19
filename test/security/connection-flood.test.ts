import { once } from 'node:events'
import { connect } from 'node:net'
import { networkInterfaces } from 'node:os'

import { describe, expect, it, onTestFinished } from 'vitest'

import { startGateway } from '../helpers/gateway.ts'
import { openRaw, rawRequest, type RawConnection } from '../helpers/raw.ts'
import { echo, startUpstream } from '../helpers/upstream.ts'

// Connections cost an attacker nothing, and a process has only so many: those that say nothing, or half a head, must
// not keep out those that have something to say, and those that work must not be thrown out for new ones.

const ATTACKERS = 60

async function start(env: Readonly<Record<string, string>>) {
  const upstream = await startUpstream(echo)
  const gateway = await startGateway({ upstream: upstream.origin, env })
  return { upstream, gateway }
}

/** Resolves when this many of the connections are closed. */
async function untilClosed(clients: readonly RawConnection[], count: number): Promise<void> {
  while (clients.filter(({ socket }) => socket.destroyed).length < count) {
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

describe('more connections than CONNECTION_LIMIT', () => {
  it.each([
    ['that say nothing', ''],
    ['that say half a head', 'GET /v1/x HTTP/1.1\r\nhost: '],
    ['that have had their answer', rawRequest('GET', '/nope')],
  ])('%s give way to the next, the oldest first', async (_what, bytes) => {
    const { gateway } = await start({ CONNECTION_LIMIT: '20' })
    const attackers: RawConnection[] = []
    for (let i = 0; i < ATTACKERS; i++) {
      const attacker = openRaw(gateway)
      attackers.push(attacker)
      await once(attacker.socket, 'connect')
      attacker.send(bytes)
      if (bytes.endsWith('\r\n\r\n')) await attacker.answers(1)
    }
    for (let i = 0; i < 5; i++) {
      const client = openRaw(gateway)
      client.send(rawRequest('GET', '/v1/x'))
      expect((await client.answers(1))[0]?.status).toBe(200)
    }
    await untilClosed(attackers, ATTACKERS - 20 + 5)
    expect(attackers.slice(0, ATTACKERS - 20).every(({ socket }) => socket.destroyed)).toBe(true)
    const { values } = await gateway.metrics.cutConnections.get()
    expect(values).toMatchObject([{ labels: { reason: 'evicted' }, value: ATTACKERS - 20 + 5 }])
  })

  it('that all have a request keep theirs, and the next is told 503', async () => {
    const upstream = await startUpstream((_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: {}\n\n')
    })
    const gateway = await startGateway({
      upstream: upstream.origin,
      env: { CONNECTION_LIMIT: '5' },
    })
    const running = Array.from({ length: 5 }, () => openRaw(gateway))
    for (const client of running) {
      client.send(rawRequest('GET', '/v1/x'))
      await once(client.socket, 'data')
    }
    const late = openRaw(gateway)
    late.send(rawRequest('GET', '/v1/x'))
    const [answer] = await late.untilClosed()
    expect(answer?.status).toBe(503)
    expect(answer?.headers).toMatchObject({ 'retry-after': '1', 'x-should-retry': 'true' })
    expect(JSON.parse(answer?.body ?? '')).toMatchObject({ error: { code: 'overloaded' } })
    expect(running.some(({ socket }) => socket.destroyed)).toBe(false)

    running[0]?.socket.destroy()
    await gateway.waitForLine(({ status }) => status === 499)
    const next = openRaw(gateway)
    next.send(rawRequest('GET', '/nope'))
    expect((await next.answers(1))[0]?.status).toBe(404)
  })
})

/** An address of this machine that is not its loopback, which the limit for each address leaves out. */
const ownAddress = Object.values(networkInterfaces())
  .flat()
  .find((address) => address?.family === 'IPv4' && !address.internal)?.address

describe.skipIf(ownAddress === undefined)('more connections than an address may have', () => {
  async function openFrom(address: string, port: number) {
    const socket = connect({ port, host: ownAddress, localAddress: address })
    socket.on('error', () => {})
    onTestFinished(() => void socket.destroy())
    await once(socket, 'connect')
    return socket
  }

  it.each([
    ['close its oldest', {}, 10],
    [
      'are all kept from a trusted proxy, behind which are many',
      { TRUST_PROXY: ownAddress ?? '' },
      0,
    ],
  ])('%s', async (_what, env, closed) => {
    const { gateway } = await start({
      HOST: '0.0.0.0',
      CONNECTION_LIMIT_PER_ADDRESS: '5',
      ...env,
    })
    const sockets = []
    for (let i = 0; i < 15; i++) sockets.push(await openFrom(ownAddress ?? '', gateway.port))
    expect((await gateway.fetch('/v1/x')).status).toBe(200)
    while (sockets.filter(({ destroyed }) => destroyed).length < closed) {
      await Promise.race(sockets.map((socket) => once(socket, 'close')))
    }
    expect(sockets.slice(closed).some(({ destroyed }) => destroyed)).toBe(false)
  })
})
