import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { Socket } from 'node:net'

import { describe, expect, it, onTestFinished } from 'vitest'

import type { LimitStore } from '../../src/stores/limit-store.ts'
import { startGateway } from '../helpers/gateway.ts'
import { echo, startUpstream } from '../helpers/upstream.ts'

describe('requests a minute', () => {
  it('are counted down in the headers and end in a 429 that says when to come back', async () => {
    const upstream = await startUpstream(echo)
    const gateway = await startGateway({
      upstream: upstream.origin,
      env: { RATE_LIMIT_PER_MINUTE: '2' },
    })
    const first = await gateway.fetch('/v1/models')
    expect(first.headers.get('x-ratelimit-limit-requests')).toBe('2')
    expect(first.headers.get('x-ratelimit-remaining-requests')).toBe('1')
    expect(first.headers.get('x-ratelimit-reset-requests')).toMatch(/^\d+s$/)
    await gateway.fetch('/v1/models')

    const limited = await gateway.fetch('/v1/models')
    expect(limited.status).toBe(429)
    const retryAfter = limited.headers.get('retry-after') ?? ''
    expect(retryAfter).toMatch(/^\d+$/)
    expect(Number(retryAfter)).toBeGreaterThan(0)
    expect(Number(retryAfter)).toBeLessThanOrEqual(60)
    expect(Number(limited.headers.get('retry-after-ms'))).toBeLessThanOrEqual(60_000)
    expect(limited.headers.get('x-should-retry')).toBeNull()
    expect(limited.headers.get('x-ratelimit-remaining-requests')).toBe('0')
    const text = await limited.text()
    expect(JSON.parse(text)).toMatchObject({
      error: { type: 'rate_limit_error', code: 'rate_limit_exceeded', param: null },
    })
    expect(text).not.toMatch(/quota|billing/i)
    expect(upstream.received).toHaveLength(2)
  })

  it('are those of one client, whatever other clients do', async () => {
    const upstream = await startUpstream(echo)
    const gateway = await startGateway({
      upstream: upstream.origin,
      env: { RATE_LIMIT_PER_MINUTE: '1', CLIENT_TOKENS: 'alice:ks-test-alice,bob:ks-test-bob' },
    })
    expect((await gateway.fetch('/v1/models')).status).toBe(200)
    expect((await gateway.fetch('/v1/models')).status).toBe(429)
    const headers = { authorization: 'Bearer ks-test-bob' }
    expect((await gateway.fetch('/v1/models', { headers })).status).toBe(200)
  })

  it('count every spelling of a path and every way to send the token as one', async () => {
    const upstream = await startUpstream(echo)
    const gateway = await startGateway({
      upstream: upstream.origin,
      env: { RATE_LIMIT_PER_MINUTE: '3' },
    })
    const headers = { authorization: '', 'x-api-key': gateway.token }
    expect((await gateway.fetch('/v1/models')).status).toBe(200)
    expect((await gateway.fetch('//v1/%6dodels/')).status).toBe(200)
    expect((await gateway.fetch('/models', { method: 'HEAD', headers })).status).toBe(200)
    expect((await gateway.fetch('/v1/v1/models', { headers })).status).toBe(429)
  })

  it('count once a request that fails', async () => {
    const gateway = await startGateway({
      upstream: 'http://127.0.0.1:9',
      env: { RATE_LIMIT_PER_MINUTE: '2' },
    })
    expect((await gateway.fetch('/v1/models')).status).toBe(502)
    expect((await gateway.fetch('/v1/models')).status).toBe(502)
    expect((await gateway.fetch('/v1/models')).status).toBe(429)
  })
})

/** Node's own channel for answers that were handed to the kernel. */
const ANSWER_OUT = 'http.server.response.finish'

const isFrom = (message: unknown, port: number): boolean =>
  typeof message === 'object' &&
  message !== null &&
  'socket' in message &&
  message.socket instanceof Socket &&
  message.socket.localPort === port

/** Notes when each place is given back for the first time. */
function watchSlots(store: LimitStore, events: string[]): LimitStore {
  return {
    ...store,
    async takeSlot(limitKey, limit) {
      const slot = await store.takeSlot(limitKey, limit)
      if (slot === undefined) return undefined
      let isFree = false
      return {
        release() {
          if (!isFree) events.push('free')
          isFree = true
          slot.release()
        },
      }
    },
  }
}

describe('requests in flight', () => {
  const STREAM = {
    method: 'POST',
    body: '{"stream":true}',
    headers: { 'content-type': 'application/json' },
  }

  it('end in a 429 when all places are taken', async () => {
    const upstream = await startUpstream((_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: {}\n\n')
    })
    const gateway = await startGateway({
      upstream: upstream.origin,
      env: { CONCURRENCY_LIMIT: '2' },
    })
    const running = [
      await gateway.fetch('/v1/chat/completions', STREAM),
      await gateway.fetch('/v1/chat/completions', STREAM),
    ]
    const refused = await gateway.fetch('/v1/chat/completions', STREAM)
    expect(refused.status).toBe(429)
    expect(refused.headers.get('retry-after')).toBe('1')
    expect(await refused.json()).toMatchObject({ error: { code: 'rate_limit_exceeded' } })
    for (const { body } of running) await body?.cancel()
  })

  it.each([
    ['a whole answer', (response: { end(text: string): void }) => response.end('{}')],
    [
      'a broken one',
      (response: { socket: { resetAndDestroy(): void } | null }) =>
        response.socket?.resetAndDestroy(),
    ],
  ])('are free again before the end of %s is out', async (_how, answer) => {
    const upstream = await startUpstream((_request, response) => answer(response))
    const events: string[] = []
    const gateway = await startGateway({
      upstream: upstream.origin,
      env: { CONCURRENCY_LIMIT: '1' },
      replace: ({ limitStore }) => ({ limitStore: watchSlots(limitStore, events) }),
    })
    const onFinish = (message: unknown): void => {
      if (isFrom(message, gateway.port)) events.push('out')
    }
    subscribe(ANSWER_OUT, onFinish)
    onTestFinished(() => void unsubscribe(ANSWER_OUT, onFinish))
    for (let i = 0; i < 5; i++) {
      const response = await gateway.fetch('/v1/models')
      await response.text()
      expect(response.status).not.toBe(429)
      expect(events.splice(0)).toEqual(['free', 'out'])
    }
  })

  it('are free again after a body that was refused', async () => {
    const upstream = await startUpstream(echo)
    const gateway = await startGateway({
      upstream: upstream.origin,
      env: { CONCURRENCY_LIMIT: '1' },
    })
    for (let i = 0; i < 5; i++) {
      const response = await gateway.fetch('/v1/chat/completions', { ...STREAM, body: '{"a"' })
      expect(response.status).toBe(400)
    }
  })
})
