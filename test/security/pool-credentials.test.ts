import { describe, expect, it } from 'vitest'

import { startGateway } from '../helpers/gateway.ts'
import { freePort } from '../helpers/redis.ts'
import { type Handler, startUpstream } from '../helpers/upstream.ts'

// With several keys the one that an upstream gives back need not be the one that the request was sent with: a cache,
// a log or another tenant's error may hold any of them. None may pass, whichever was used, and what the operator is
// shown of them must not be of use to whoever looks over the shoulder.

const KEYS = ['a', 'b', 'c'].map((name) => `hk-test-${name}-0123456789abcdefghijklmnopqrstuvwxyz`)
const ADMIN_TOKEN = 'ks-test-admin'

const giveBack: Handler = ({ message }, response) => {
  response.writeHead(message.url?.includes('denied') ? 401 : 200, {
    'content-type': 'application/json',
    'x-keys': KEYS.join(' '),
  })
  const base64 = KEYS.map((key) => Buffer.from(`:${key}`).toString('base64'))
  response.end(JSON.stringify({ keys: KEYS, base64 }))
}

function start(upstream: string) {
  return startGateway({
    upstream,
    env: { UPSTREAM_API_KEY: KEYS.join(), ADMIN_TOKEN, LOG_LEVEL: 'trace' },
  })
}

function expectNoKey(text: string): void {
  for (const key of KEYS) {
    expect(text).not.toContain(key.slice('hk-'.length))
    expect(text).not.toContain(Buffer.from(key).toString('base64').slice(4, -4))
  }
}

describe('each key of a pool', () => {
  it('is redacted, whichever the request was sent with', async () => {
    const upstream = await startUpstream(giveBack)
    const gateway = await start(upstream.origin)
    for (const path of ['/v1/models', '/v1/models', '/v1/models', '/v1/models/denied']) {
      const response = await gateway.fetch(path)
      const seen = JSON.stringify([...response.headers]) + (await response.text())
      expect(seen.match(/\[redacted\]/g)).toHaveLength(9)
      expectNoKey(seen)
    }
    await gateway.waitForLine(() => gateway.requestLines().length === 4)
    expectNoKey(gateway.log())
  })

  it('shows in /admin/upstreams and /metrics under its fingerprint alone', async () => {
    const upstream = await startUpstream(giveBack)
    const gateway = await start(upstream.origin)
    await gateway.fetch('/v1/models/denied')
    const headers = { authorization: `Bearer ${ADMIN_TOKEN}` }
    const admin = await fetch(`${gateway.origin}/admin/upstreams`, { headers })
    const text = await admin.text()
    expectNoKey(text)
    const coolDown = { model: 'v1', status: 401, failures: 1, isProbed: false }
    const coolDowns = [{ ...coolDown, freeInMs: expect.any(Number) }]
    const key = (fingerprint: string, refused: number) => ({
      fingerprint,
      weight: 1,
      state: refused === 0 ? 'ready' : 'cooling',
      answers: { ok: 0, 401: refused, 403: 0, 428: 0, 429: 0, error: 0, unanswered: 0 },
      coolDowns: refused === 0 ? [] : coolDowns,
    })
    expect(JSON.parse(text)).toEqual({
      upstreams: [
        {
          origin: upstream.origin,
          families: ['v1', 'mj'],
          keys: [key('7b99c6ae', 1), key('fce7dd70', 1), key('145c7e7a', 0)],
        },
      ],
    })
    const metrics = await (await fetch(`${gateway.origin}/metrics`, { headers })).text()
    expectNoKey(metrics)
    expect(metrics).toContain('keystow_upstream_key_answers_total{key="7b99c6ae",outcome="401"} 1')
    expect(metrics).toContain('keystow_upstream_key_answers_total{key="145c7e7a",outcome="ok"} 0')
    expect(metrics).toContain('keystow_upstream_key_cool_downs{key="fce7dd70"} 1')
  })

  it('is shown to nobody but the operator', async () => {
    const upstream = await startUpstream(giveBack)
    const gateway = await start(upstream.origin)
    expect((await gateway.fetch('/admin/upstreams')).status).toBe(401)
    expect((await fetch(`${gateway.origin}/admin/upstreams`)).status).toBe(401)
    const withoutAdmin = await startGateway({ upstream: upstream.origin })
    expect((await withoutAdmin.fetch('/admin/upstreams')).status).toBe(404)
  })
})

describe('an upstream where nobody listens', () => {
  it('is asked with two keys, and with no third', async () => {
    const gateway = await start(`http://127.0.0.1:${await freePort()}`)
    expect((await gateway.fetch('/v1/models')).status).toBe(502)
    const headers = { authorization: `Bearer ${ADMIN_TOKEN}` }
    const response = await fetch(`${gateway.origin}/admin/upstreams`, { headers })
    const keys = [1, 1, 0].map((unanswered) => ({ state: 'ready', answers: { unanswered } }))
    expect(await response.json()).toMatchObject({ upstreams: [{ keys }] })
  })
})
