import { inspect } from 'node:util'

import { describe, expect, it } from 'vitest'

import { createSecret } from '../../src/secret.ts'
import { startGateway, TEST_CREDENTIAL, TEST_TOKEN } from '../helpers/gateway.ts'
import { type Handler, startUpstream } from '../helpers/upstream.ts'

// The credential is the one thing Keystow exists to keep. Whatever prints it, in an answer, a header, a log line
// or a dump of an object, gives the account away: with a reseller's key one can also log in.

const breakOff: Handler = (_request, response) => {
  response.writeHead(200, { 'content-type': 'application/json' })
  response.write('{', () => response.socket?.resetAndDestroy())
}

const reset: Handler = ({ message }) => message.socket.resetAndDestroy()

describe('the credential', () => {
  it('prints as [redacted], however it is printed', () => {
    const secret = createSecret(TEST_CREDENTIAL)
    const printed = [
      String(secret),
      // What `${secret}` does, which the types forbid.
      ''.concat(String(secret)),
      JSON.stringify({ secret }),
      inspect(secret, { showHidden: true, depth: 10, getters: true }),
      inspect({ nested: { secret } }, { depth: 10 }),
      Object.keys(secret).join(),
      JSON.stringify(Object.values(secret)),
    ].join('\n')
    expect(printed).toContain('[redacted]')
    expect(printed).not.toContain(TEST_CREDENTIAL)
    expect(secret.reveal()).toBe(TEST_CREDENTIAL)
  })

  it.each<[string, Handler]>([
    ['answers', (_request, response) => response.end('{}')],
    ['breaks off', breakOff],
    ['resets', reset],
    ['is refused a header', (_request, response) => response.writeHead(431).end()],
  ])(
    'stands in no answer, header, log line or metric when the upstream %s',
    async (_how, handler) => {
      const upstream = await startUpstream(handler)
      const gateway = await startGateway({
        upstream: upstream.origin,
        env: { ADMIN_TOKEN: 'ks-test-admin', LOG_LEVEL: 'trace' },
      })
      const seen: string[] = []
      for (const path of [
        '/v1/models',
        '/mj/task/1/fetch',
        '/v1/files',
        '/nope',
        '/healthz',
        '/readyz',
      ]) {
        const response = await gateway.fetch(path)
        seen.push(JSON.stringify([...response.headers]), await response.text().catch(String))
      }
      const metrics = await fetch(`${gateway.origin}/metrics`, {
        headers: { authorization: 'Bearer ks-test-admin' },
      })
      expect(metrics.status).toBe(200)
      seen.push(await metrics.text(), gateway.log())
      const all = seen.join('\n')
      expect(upstream.received.length).toBeGreaterThan(0)
      expect(all).not.toContain(TEST_CREDENTIAL)
      expect(all).not.toContain(TEST_CREDENTIAL.slice('hk-'.length))
      expect(all).not.toContain(TEST_TOKEN)
      expect(all).not.toContain('ks-test-admin')
    },
  )

  it('is blanked in a log line that would hold it all the same', async () => {
    const upstream = await startUpstream((_request, response) => response.end('{}'))
    const gateway = await startGateway({ upstream: upstream.origin })
    // Without its prefix it has no shape that the line's own fields are searched for.
    await gateway.fetch(`/v1/models/${TEST_CREDENTIAL.replace('hk-', 'x')}`)
    const line = await gateway.waitForLine(() => true)
    expect(line['path']).toBe('/v1/models/x[redacted]')
  })

  it('opens neither Keystow nor its metrics to a client', async () => {
    const upstream = await startUpstream((_request, response) => response.end('{}'))
    const gateway = await startGateway({
      upstream: upstream.origin,
      env: { ADMIN_TOKEN: 'ks-test-admin' },
    })
    const headers = { authorization: `Bearer ${TEST_CREDENTIAL}` }
    expect((await gateway.fetch('/v1/models', { headers })).status).toBe(401)
    expect((await gateway.fetch('/metrics', { headers })).status).toBe(401)
    expect((await gateway.fetch('/metrics')).status).toBe(401)
  })
})
