import { once } from 'node:events'
import { setTimeout as wait } from 'node:timers/promises'

import { describe, expect, it } from 'vitest'

import { startGateway } from '../helpers/gateway.ts'
import { startRawUpstream } from '../helpers/raw-upstream.ts'

// An answer that nobody asked for, sent on a connection that waits for its next request, becomes the answer to that
// request, and so another client's (undici GHSA-35p6-xmwp-9g52, Node CVE-2026-48931). A connection on which anything
// comes out of turn is not used again.

const answerWith = (body: string): string =>
  `HTTP/1.1 200 OK\r\ncontent-length: ${body.length}\r\n\r\n${body}`

const POISON = answerWith('poisoned')

describe('an answer out of turn', () => {
  it('behind an answer is nobody’s', async () => {
    const upstream = await startRawUpstream({
      async onRequest(socket, line) {
        socket.write(answerWith(line))
        await wait(20)
        socket.write(POISON)
      },
    })
    const gateway = await startGateway({
      upstream: upstream.origin,
      env: { UPSTREAM_CONNECTIONS: '1' },
    })
    for (let i = 0; i < 5; i++) {
      const response = await gateway.fetch(`/v1/x/${i}`)
      expect(await response.text()).toBe(`GET /v1/x/${i} HTTP/1.1`)
      // The poison is there before the next request is.
      const socket = upstream.sockets.at(-1)
      if (socket?.closed === false) await once(socket, 'close')
    }
    expect(upstream.sockets).toHaveLength(5)
  })

  it('together with an answer is nobody’s', async () => {
    const upstream = await startRawUpstream({
      onRequest: (socket, line) => socket.write(answerWith(line) + POISON),
    })
    const gateway = await startGateway({
      upstream: upstream.origin,
      env: { UPSTREAM_CONNECTIONS: '1' },
    })
    const answers = await Promise.all(
      Array.from({ length: 10 }, async (_, index) =>
        (await gateway.fetch(`/v1/x/${index}`)).text(),
      ),
    )
    expect(answers).toEqual(Array.from({ length: 10 }, (_, index) => `GET /v1/x/${index} HTTP/1.1`))
  })

  it('of a client that left is nobody else’s', async () => {
    const upstream = await startRawUpstream({
      async onRequest(socket, line) {
        if (line.includes('slow')) await wait(100)
        socket.write(answerWith(line))
      },
    })
    const gateway = await startGateway({
      upstream: upstream.origin,
      env: { UPSTREAM_CONNECTIONS: '1' },
    })
    for (let i = 0; i < 5; i++) {
      const leave = AbortSignal.timeout(30)
      await expect(gateway.fetch(`/v1/slow/${i}`, { signal: leave })).rejects.toThrow('aborted')
      const response = await gateway.fetch(`/v1/x/${i}`)
      expect(await response.text()).toBe(`GET /v1/x/${i} HTTP/1.1`)
    }
  })

  it('before there was a request ends that connection, and at worst its own request', async () => {
    const upstream = await startRawUpstream({
      onConnection: (socket) => upstream.sockets.length === 1 && socket.write(POISON),
      onRequest: (socket, line) => socket.write(answerWith(line)),
    })
    const gateway = await startGateway({
      upstream: upstream.origin,
      env: { UPSTREAM_CONNECTIONS: '1' },
    })
    await gateway.fetch('/v1/x/0').then((response) => response.text())
    for (let i = 1; i < 4; i++) {
      const response = await gateway.fetch(`/v1/x/${i}`)
      expect(await response.text()).toBe(`GET /v1/x/${i} HTTP/1.1`)
    }
  })
})
