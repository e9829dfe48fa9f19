import { describe, expect, it } from 'vitest'

import { type Gateway, startGateway, TEST_TOKEN } from '../helpers/gateway.ts'
import { openRaw } from '../helpers/raw.ts'
import { echo, startUpstream } from '../helpers/upstream.ts'

// A page of evil.example lets its own name lead to 127.0.0.1 once it is loaded. To the browser it is then of the same
// origin as whatever listens there: its GET has no Origin and needs no permission, and it may read the answer. Under
// open access on a laptop that is anybody's call with the operator's key. The Host still says evil.example.

async function start(env: Readonly<Record<string, string>> = {}) {
  const upstream = await startUpstream(echo)
  const gateway = await startGateway({
    upstream: upstream.origin,
    env: { OPEN_ACCESS: 'true', ...env },
  })
  return { upstream, gateway }
}

interface Sent {
  readonly host: string
  readonly path?: string
  readonly head?: string
}

async function send(gateway: Gateway, { host, path = '/v1/models', head = '' }: Sent) {
  const client = openRaw(gateway)
  client.send(`GET ${path} HTTP/1.1\r\nhost: ${host}\r\n${head}\r\n`)
  const [answer] = await client.answers(1)
  return answer
}

describe('a request for another name', () => {
  it.each([
    'evil.example',
    'evil.example:8787',
    '127.0.0.1.evil.example',
    'localhost.evil.example',
    'notlocalhost',
    '1.2.3',
    '[evil]',
    'keystow',
  ])('is refused under open access on this machine: %s', async (host) => {
    const { upstream, gateway } = await start()
    for (const path of ['/v1/models', '/dashboard/billing/usage']) {
      const answer = await send(gateway, { host, path })
      expect([400, 403]).toContain(answer?.status)
    }
    const invented = await send(gateway, { host, head: 'authorization: Bearer invented\r\n' })
    expect([400, 403]).toContain(invented?.status)
    expect(upstream.received).toEqual([])
  })

  it('is told what to do', async () => {
    const { gateway } = await start()
    const answer = await send(gateway, { host: 'evil.example' })
    expect(answer?.status).toBe(403)
    expect(answer?.body).toContain('as localhost')
    expect(answer?.body).toContain('TRUST_PROXY')
  })

  it.each([
    ['with a token', { head: `authorization: Bearer ${TEST_TOKEN}\r\n` }, {}],
    ['behind a proxy that is known of', {}, { TRUST_PROXY: '127.0.0.1' }],
    ['on an address of the network', {}, { HOST: '0.0.0.0', RATE_LIMIT_PER_MINUTE: '60' }],
  ])('is served %s', async (_how, sent, env) => {
    const { gateway } = await start(env)
    expect((await send(gateway, { host: 'ai.example.com', ...sent }))?.status).toBe(200)
  })
})

it.each([
  '127.0.0.1',
  '127.0.0.1:8787',
  '[::1]:8787',
  '192.168.1.5:8787',
  'localhost',
  'LocalHost:8787',
  'localhost.:8787',
  'keystow.localhost',
])('a request for this machine is served under open access: %s', async (host) => {
  const { gateway } = await start()
  expect((await send(gateway, { host }))?.status).toBe(200)
})
