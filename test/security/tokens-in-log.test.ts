import { describe, expect, it } from 'vitest'

import { startGateway, TEST_CREDENTIAL, TEST_TOKEN } from '../helpers/gateway.ts'
import { echo, startUpstream } from '../helpers/upstream.ts'

// People paste a token where a URL wants something else, and scripts build `?<token>` for `?key=<token>`. Paths and
// the names in a query are logged, so that the token would be read by everybody who reads the log.

const ADMIN_TOKEN = 'ks-test-admin'
const INVENTED = 'no-shape-that-anybody-knows'
const SHAPED = 'ks-0123456789ABCDEFGHIJ0123456789abcdefghij012'

const encode = (text: string): string =>
  Array.from(Buffer.from(text), (byte) => `%${byte.toString(16)}`).join('')

async function start() {
  const upstream = await startUpstream(echo)
  const gateway = await startGateway({ upstream: upstream.origin, env: { ADMIN_TOKEN } })
  return async (path: string, token = TEST_TOKEN, body?: string) => {
    const headers = { authorization: token, 'content-type': 'application/json' }
    const init = body === undefined ? { headers } : { headers, method: 'POST', body }
    await fetch(gateway.origin + path, init).then((response) => response.text())
    return gateway.waitForLine(() => true)
  }
}

const secrets = [TEST_TOKEN, ADMIN_TOKEN, SHAPED, TEST_CREDENTIAL, `sk-${SHAPED.slice(3)}`]

describe.each(secrets)('the log does not show %s', (secret) => {
  it.each<[string, string]>([
    ['as it is', secret],
    ['percent-encoded', encode(secret)],
    ['percent-encoded twice', encode(encode(secret))],
  ])('%s, as a name in a query', async (_how, written) => {
    const send = await start()
    const line = await send(`/v1/models?${written}&limit=1&x%20y=2&${written}=3`)
    expect(line['queryKeys']).toEqual(['[redacted]', 'limit', 'x y', '[redacted]'])
  })

  it('in a path', async () => {
    const send = await start()
    expect(await send(`/v1/models/${secret}`)).toMatchObject({
      path: expect.stringMatching(/^\/v1\/models\/(?:hk-)?\[redacted\]$/),
    })
  })

  it('in a path, percent-encoded', async () => {
    const send = await start()
    const line = await send(`/v1/${encode(secret)}`)
    expect(JSON.stringify(line)).not.toContain(secret.slice(3))
  })

  it('as a model', async () => {
    const send = await start()
    const line = await send('/v1/embeddings', TEST_TOKEN, JSON.stringify({ model: secret }))
    expect(line['model']).toMatch(/\[redacted\]$/)
  })
})

describe('a token that the caller presents', () => {
  it.each(['Bearer ', ''])('stands nowhere in the line (%j before it)', async (scheme) => {
    const send = await start()
    const line = await send(`/v1/${INVENTED}?${INVENTED}&a${INVENTED}b`, scheme + INVENTED)
    expect(line).toMatchObject({ status: 401, path: '/v1/[redacted]' })
    expect(line['queryKeys']).toEqual(['[redacted]', '[redacted]'])
  })

  it('may hold characters that mean something in a query', async () => {
    const send = await start()
    const token = 'abc+def/ghi=='
    const line = await send(`/v1/models?${token}`, token)
    expect(line['queryKeys']).toEqual(['[redacted]'])
  })
})

describe('what is no token', () => {
  it('is logged as it is', async () => {
    const send = await start()
    expect(await send('/v1/models/gpt-4o-mini-2024-07-18?limit=1&metadata[k]=2')).toMatchObject({
      path: '/v1/models/gpt-4o-mini-2024-07-18',
      queryKeys: ['limit', 'metadata[k]'],
    })
  })

  it('is logged up to 16 names of 64 characters', async () => {
    const send = await start()
    const names = Array.from({ length: 40 }, (_, index) => `${'n'.repeat(80)}${index}`)
    const line = await send(`/v1/models?${names.join('&')}`)
    expect(line['queryKeys']).toEqual(Array.from({ length: 16 }, () => 'n'.repeat(64)))
  })
})
