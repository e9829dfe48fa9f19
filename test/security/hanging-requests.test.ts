import { describe, expect, it } from 'vitest'

import { startGateway } from '../helpers/gateway.ts'
import { echo, type Handler, startUpstream } from '../helpers/upstream.ts'

// reply-from gives its undici 128 connections to an origin, and requests that wait for one wait without a clock: 128
// requests of one client that hang, or that it has long left, stop everybody else (measured). One client's hanging
// requests are its own trouble.

const HANGING = 140

const hangOrEcho: Handler = (request, response) =>
  request.message.url === '/v1/hang' ? undefined : echo(request, response)

describe('a client with 140 requests that hang', () => {
  it.each([
    ['over its own limit is told so', {}, HANGING - 16],
    ['without a limit has them all', { CONCURRENCY_LIMIT: '0' }, 0],
  ])('%s, and every other client is served', async (_how, env, refused) => {
    const upstream = await startUpstream(hangOrEcho)
    const gateway = await startGateway({
      upstream: upstream.origin,
      env: { CLIENT_TOKENS: 'alice:ks-test-alice,bob:ks-test-bob', ...env },
    })
    const leave = new AbortController()
    const statuses: number[] = []
    const hanging = Array.from({ length: HANGING }, async () => {
      const response = await gateway.fetch('/v1/hang', { signal: leave.signal })
      statuses.push(response.status)
    })
    while (statuses.length < refused || upstream.received.length < HANGING - refused) {
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
    expect(statuses).toEqual(Array.from({ length: refused }, () => 429))

    const headers = { authorization: 'Bearer ks-test-bob' }
    const others = await Promise.all(
      Array.from({ length: 16 }, () => gateway.fetch('/v1/x', { headers })),
    )
    expect(new Set(others.map(({ status }) => status))).toEqual(new Set([200]))

    leave.abort()
    await Promise.allSettled(hanging)
    // None of them is open once its client has left.
    const hung = upstream.received.filter(({ message }) => message.url === '/v1/hang')
    await Promise.all(hung.map(({ closed }) => closed))
  })
})
