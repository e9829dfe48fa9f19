import { describe, expect, it } from 'vitest'

import { createBodyMemory } from '../../src/proxy/body-memory.ts'
import { type Gateway, startGateway } from '../helpers/gateway.ts'
import { openRaw, type RawConnection, rawRequest } from '../helpers/raw.ts'
import { startUpstream } from '../helpers/upstream.ts'

// JSON is read whole before it is sent on, and one client may have sixteen requests in flight: sixteen bodies of
// 32 MiB, sent byte by byte at their end so that none is ever over, are half a gigabyte of one client. Where memory is
// short, what is large waits for another time, and what is small is served.

const MIB = 1024 * 1024

interface Most {
  readonly bytes: number
  /** The end, which is not sent. */
  readonly end?: string
}

/** Sends all but the end of a JSON body of so many bytes. */
function sendMost(gateway: Gateway, { bytes, end = '"}' }: Most): RawConnection {
  const client = openRaw(gateway)
  client.send(
    rawRequest('POST', '/v1/chat/completions', {
      head: `content-type: application/json\r\ncontent-length: ${bytes}\r\n`,
      body: `{"a":"${'x'.repeat(bytes - 6 - end.length)}`,
    }),
  )
  return client
}

const SMALL = { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"a":1}' }

describe('the memory for bodies', () => {
  it('is not more than BODY_MEMORY_LIMIT_MB for all, and enough for small ones', async () => {
    const upstream = await startUpstream((_request, response) => response.end('{}'))
    const gateway = await startGateway({
      upstream: upstream.origin,
      env: { BODY_LIMIT_MB: '4', BODY_MEMORY_LIMIT_MB: '16', CONCURRENCY_LIMIT: '0' },
    })
    const clients = Array.from({ length: 12 }, () => sendMost(gateway, { bytes: 3 * MIB }))
    const refused = clients.map(async (client) => (await client.untilClosed())[0]?.status)
    const first = await Promise.any(refused)
    expect(first).toBe(503)
    expect((await gateway.fetch('/v1/chat/completions', SMALL)).status).toBe(200)

    // Those that were taken end as they would have; with them the memory is free again.
    const open = clients.filter(({ socket }) => !socket.readableEnded && !socket.destroyed)
    for (const client of open) client.socket.destroy()
    await gateway.waitForLine(() => gateway.requestLines().length === 13)
    const whole = sendMost(gateway, { bytes: 3 * MIB })
    whole.send('"}')
    expect((await whole.answers(1))[0]?.status).toBe(200)
  })

  it.each(['"}', '","stream":true}'])(
    'has room for one body of the size that is allowed, however little there is: %s',
    async (end) => {
      const upstream = await startUpstream((_request, response) => response.end('{}'))
      const gateway = await startGateway({
        upstream: upstream.origin,
        env: { BODY_LIMIT_MB: '4', BODY_MEMORY_LIMIT_MB: '1' },
      })
      for (let i = 0; i < 3; i++) {
        const client = sendMost(gateway, { bytes: 4 * MIB, end })
        client.send(end)
        expect((await client.answers(1))[0]?.status).toBe(200)
      }
    },
  )

  it('counts the copy of a body that is asked for its usage', async () => {
    const upstream = await startUpstream((_request, response) => response.end('{}'))
    const gateway = await startGateway({
      upstream: upstream.origin,
      env: { BODY_LIMIT_MB: '4', BODY_MEMORY_LIMIT_MB: '16', CONCURRENCY_LIMIT: '0' },
    })
    const call = async (end: string) => {
      const client = sendMost(gateway, { bytes: 2.5 * MIB, end })
      client.send(end)
      return (await client.answers(1))[0]?.status
    }
    // The memory fills up slowly, until there is room for one and none for two.
    for (let i = 0; i < 40 && (await call('","stream":true}')) === 200; i++) {
      sendMost(gateway, { bytes: MIB / 2 })
    }
    expect(await call('"}')).toBe(200)
  })

  it('is counted once for each body, and given back once', () => {
    const memory = createBodyMemory(MIB)
    const [first, second] = [memory.open(), memory.open()]
    first.hold(600_000)
    first.hold(800_000)
    second.hold(64 * 1024)
    expect(() => second.hold(600_000)).toThrow('more to do than it can')
    first.release()
    first.release()
    second.hold(1_000_000)
    expect(() => first.hold(200_000)).toThrow('more to do than it can')
  })
})
