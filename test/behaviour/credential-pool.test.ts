import type { ServerResponse } from 'node:http'

import { describe, expect, it } from 'vitest'

import { type Gateway, startGateway } from '../helpers/gateway.ts'
import { type Handler, startUpstream, type Upstream } from '../helpers/upstream.ts'

const KEY_A = 'hk-test-a-0123456789abcdefghijklmnopqrstuvwxyz'
const KEY_B = 'hk-test-b-0123456789abcdefghijklmnopqrstuvwxyz'
const KEY_C = 'hk-test-c-0123456789abcdefghijklmnopqrstuvwxyz'
const FINGERPRINT_A = '7b99c6ae'
const FINGERPRINT_B = 'fce7dd70'

interface Stage {
  readonly gateway: Gateway
  readonly upstream: Upstream
  /** The keys of the requests so far: `a`, `b` or `c`. */
  readonly keys: () => string
  readonly chat: (model?: string) => Promise<Response>
}

const keyOf = (authorization = ''): string =>
  /^Bearer hk-test-([abc])-/.exec(authorization)?.[1] ?? '?'

/** An upstream that answers each key in its own way, and a gateway with these keys in front of it. */
async function start(
  keys: readonly string[],
  answers: Readonly<Record<string, Handler>>,
  env: Readonly<Record<string, string>> = {},
): Promise<Stage> {
  const upstream = await startUpstream((request, response) => {
    const answer = answers[keyOf(request.message.headers.authorization)] ?? ok
    return answer(request, response)
  })
  const gateway = await startGateway({
    upstream: upstream.origin,
    env: { UPSTREAM_API_KEY: keys.join(), ...env },
  })
  return {
    gateway,
    upstream,
    keys: () =>
      upstream.received.map(({ message }) => keyOf(message.headers.authorization)).join(''),
    chat: (model = 'm') =>
      gateway.fetch('/v1/chat/completions', {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ model }),
      }),
  }
}

const ok: Handler = (_request, response) => {
  response.setHeader('content-type', 'application/json').end('{"ok":true}')
}

const answer =
  (status: number, headers: Readonly<Record<string, string>> = {}): Handler =>
  (_request, response) => {
    response.writeHead(status, { 'content-type': 'application/json', ...headers })
    response.end(`{"error":{"message":"${status}"}}`)
  }

async function statuses(stage: Stage, count: number, model?: string): Promise<number[]> {
  const seen: number[] = []
  for (let i = 0; i < count; i++) {
    const response = await stage.chat(model)
    await response.text()
    seen.push(response.status)
  }
  return seen
}

describe('several keys', () => {
  it('take turns', async () => {
    const stage = await start([KEY_A, KEY_B, KEY_C], {})
    expect(await statuses(stage, 6)).toEqual([200, 200, 200, 200, 200, 200])
    expect(stage.keys()).toBe('abcabc')
  })

  it('take turns by their weights in the YAML', async () => {
    const upstream = await startUpstream(ok)
    const gateway = await startGateway({
      upstream: upstream.origin,
      env: { UPSTREAM_API_KEY: '', FIRST_KEY: KEY_A, SECOND_KEY: KEY_B },
      yaml: 'credentials: [{ env: FIRST_KEY, weight: 3 }, { env: SECOND_KEY }]\n',
    })
    for (let i = 0; i < 8; i++) await gateway.fetch('/v1/models')
    const keys = upstream.received.map(({ message }) => keyOf(message.headers.authorization))
    expect(keys.join('')).toBe('aabaaaba')
  })

  it('of a route go to its origin, and to no other', async () => {
    const other = await startUpstream(ok)
    const main = await startUpstream(ok)
    const gateway = await startGateway({
      upstream: main.origin,
      env: { UPSTREAM_API_KEY: KEY_A, SUNO_KEYS: `${KEY_B}, ${KEY_C}` },
      yaml: `routes:\n  suno: { prefix: /suno, upstream: '${other.origin}', credentialEnv: SUNO_KEYS }\n`,
    })
    for (let i = 0; i < 4; i++) {
      await gateway.fetch('/suno/feed')
      await gateway.fetch('/v1/models')
    }
    const keysAt = ({ received }: Upstream): string =>
      received.map(({ message }) => keyOf(message.headers.authorization)).join('')
    expect(keysAt(other)).toBe('bcbc')
    expect(keysAt(main)).toBe('aaaa')
  })

  it('are named in the log by their fingerprints', async () => {
    const stage = await start([KEY_A, KEY_B], { a: answer(401) })
    await statuses(stage, 1)
    const line = await stage.gateway.waitForLine(() => true)
    expect(line['credential']).toBe(FINGERPRINT_B)
    expect(stage.gateway.log()).toContain(
      `"credential":"${FINGERPRINT_A}","status":401,"msg":"refused: sent again with another key"`,
    )
    expect(stage.gateway.log()).not.toMatch(/hk-test-[abc]/)
  })
})

describe('a key that is refused', () => {
  it.each([401, 428])(
    'with %i and has no other behind it has a line in the log',
    async (status) => {
      const stage = await start([KEY_A], { a: answer(status) })
      expect(await statuses(stage, 1)).toEqual([status])
      await stage.gateway.waitForLine(() => true)
      expect(stage.gateway.log()).toContain(
        `"credential":"${FINGERPRINT_A}","status":${status},"msg":"the upstream refused the key"`,
      )
    },
  )

  it.each([401, 403, 428])('with %i gives way to the next, within the request', async (status) => {
    const stage = await start([KEY_A, KEY_B, KEY_C], { a: answer(status) })
    const response = await stage.chat()
    expect(response.status).toBe(200)
    expect(await response.json()).toEqual({ ok: true })
    expect(stage.keys()).toBe('ab')
  })

  it('is not tried again for a while', async () => {
    const stage = await start([KEY_A, KEY_B, KEY_C], { a: answer(401) })
    await statuses(stage, 5)
    expect(stage.keys()).toBe('abcbcb')
  })

  it('gives way once: the second answer passes whatever it is', async () => {
    const stage = await start([KEY_A, KEY_B, KEY_C], { a: answer(401), b: answer(403) })
    const response = await stage.chat()
    expect(response.status).toBe(403)
    expect(await response.json()).toEqual({ error: { message: '403' } })
    expect(stage.keys()).toBe('ab')
  })

  it('gives way without waiting for the rest of the refusal', async () => {
    const begin: Handler = (_request, response) => {
      response.writeHead(401, { 'content-length': '1000' }).write('{')
    }
    const stage = await start([KEY_A, KEY_B], { a: begin })
    expect(await statuses(stage, 1)).toEqual([200])
    await stage.upstream.received[0]?.closed
  })

  it('gives way for a request without a body', async () => {
    const stage = await start([KEY_A, KEY_B], { a: answer(401) })
    expect((await stage.gateway.fetch('/v1/models')).status).toBe(200)
    expect(stage.keys()).toBe('ab')
  })

  it('sends the same body with both', async () => {
    const stage = await start([KEY_A, KEY_B], { a: answer(401) })
    await statuses(stage, 1)
    const bodies = stage.upstream.received.map(({ body }) => body.toString())
    expect(bodies).toEqual(['{"model":"m"}', '{"model":"m"}'])
    const headers = stage.upstream.received.map(({ message }) => message.rawHeaders)
    expect(headers[1]).toEqual(headers[0]?.map((text) => text.replace(KEY_A, KEY_B)))
  })

  it('does not give way when the body has been passed on as it came', async () => {
    const stage = await start([KEY_A, KEY_B], { a: answer(401) })
    const send = (): Promise<Response> =>
      stage.gateway.fetch('/v1/audio/transcriptions', {
        method: 'POST',
        headers: { 'content-type': 'application/octet-stream' },
        body: 'audio',
      })
    expect((await send()).status).toBe(401)
    expect(stage.keys()).toBe('a')
    expect((await send()).status).toBe(200)
    expect(stage.keys()).toBe('ab')
  })

  it('with 429 passes the answer on, and rests as long as it asks for', async () => {
    const stage = await start([KEY_A, KEY_B], { a: answer(429, { 'retry-after': '600' }) })
    const response = await stage.chat()
    expect(response.status).toBe(429)
    expect(response.headers.get('retry-after')).toBe('600')
    expect(await statuses(stage, 3)).toEqual([200, 200, 200])
    expect(stage.keys()).toBe('abbb')
  })

  it('with 429 is back as soon as it may', async () => {
    let answers = 0
    const once: Handler = (request, response) =>
      (answers++ === 0 ? answer(429, { 'retry-after-ms': '1' }) : ok)(request, response)
    const stage = await start([KEY_A, KEY_B], { a: once })
    await statuses(stage, 1)
    await new Promise((resolve) => setTimeout(resolve, 20))
    expect(await statuses(stage, 4)).toEqual([200, 200, 200, 200])
    expect(stage.keys().slice(1).split('').toSorted().join('')).toBe('aabb')
  })

  it('for one model serves the others', async () => {
    const onlyOther: Handler = (request, response) =>
      (request.body.includes('"other"') ? ok : answer(403))(request, response)
    const stage = await start([KEY_A, KEY_B], { a: onlyOther })
    expect(await statuses(stage, 3, 'm')).toEqual([200, 200, 200])
    expect(await statuses(stage, 4, 'other')).toEqual([200, 200, 200, 200])
    expect(stage.keys().slice(0, 4)).toBe('abbb')
    expect(stage.keys().slice(4).split('').toSorted().join('')).toBe('aabb')
  })

  it.each([400, 404, 408, 500, 502, 503])('is not what %i means', async (status) => {
    const stage = await start([KEY_A, KEY_B], { a: answer(status) })
    expect(await statuses(stage, 4)).toEqual([status, 200, status, 200])
    expect(stage.keys()).toBe('abab')
  })

  it('that dies with its connection is not followed by another: work may have begun', async () => {
    const reset: Handler = ({ message }) => message.socket.resetAndDestroy()
    const stage = await start([KEY_A, KEY_B], { a: reset })
    expect(await statuses(stage, 1)).toEqual([502])
    expect(stage.keys()).toBe('a')
  })
})

describe('keys that are all refused', () => {
  it('are used all the same', async () => {
    const stage = await start([KEY_A, KEY_B], {
      a: answer(429, { 'retry-after': '600' }),
      b: answer(429, { 'retry-after': '60' }),
    })
    expect(await statuses(stage, 4)).toEqual([429, 429, 429, 429])
    expect(stage.keys()).toBe('abbb')
  })
})

describe('a single key', () => {
  it.each([401, 403, 428, 429])('is used again after %i, and its answers pass', async (status) => {
    const stage = await start([KEY_A], { a: answer(status, { 'retry-after': '600' }) })
    expect(await statuses(stage, 3)).toEqual([status, status, status])
    expect(stage.keys()).toBe('aaa')
  })

  it('is not named in the log', async () => {
    const stage = await start([KEY_A], {})
    await statuses(stage, 1)
    expect(await stage.gateway.waitForLine(() => true)).not.toHaveProperty('credential')
  })
})

describe('a client that leaves', () => {
  it('during the second attempt ends it', async () => {
    const arrived = Promise.withResolvers<void>()
    const stage = await start([KEY_A, KEY_B], { a: answer(401), b: () => arrived.resolve() })
    const leave = new AbortController()
    const left = stage.gateway.fetch('/v1/models', { signal: leave.signal })
    await arrived.promise
    leave.abort()
    await expect(left).rejects.toThrow('aborted')
    await stage.upstream.received[1]?.closed
    expect(await stage.gateway.waitForLine(() => true)).toMatchObject({ status: 499 })
  })

  it('between the attempts, while the second waits for a connection, is not asked for again', async () => {
    const waiting: ServerResponse[] = []
    const arrivals = Array.from({ length: 3 }, () => Promise.withResolvers<void>())
    const hold: Handler = (_request, response) => {
      waiting.push(response)
      arrivals[waiting.length - 1]?.resolve()
    }
    const stage = await start([KEY_A, KEY_B], { a: hold, b: hold }, { UPSTREAM_CONNECTIONS: '1' })
    const leave = new AbortController()
    const left = stage.gateway.fetch('/v1/models?left', { signal: leave.signal })
    await arrivals[0]?.promise
    const other = stage.gateway.fetch('/v1/models?other')
    await new Promise((resolve) => setTimeout(resolve, 100))
    waiting[0]?.writeHead(401).end()
    await arrivals[1]?.promise
    leave.abort()
    await expect(left).rejects.toThrow('aborted')
    await stage.gateway.waitForLine(({ status }) => status === 499)
    waiting[1]?.end('{}')
    expect((await other).status).toBe(200)
    const last = stage.gateway.fetch('/v1/models?last')
    await arrivals[2]?.promise
    waiting[2]?.end('{}')
    expect((await last).status).toBe(200)
    const urls = stage.upstream.received.map(({ message }) => message.url)
    expect(urls).toEqual(['/v1/models?left', '/v1/models?other', '/v1/models?last'])
  })
})
