import { describe, expect, it } from 'vitest'

import { startGateway } from '../helpers/gateway.ts'
import { echo, startUpstream } from '../helpers/upstream.ts'

// Whoever is limited by address writes another address: the leftmost entry of X-Forwarded-For is the client's own,
// balancers that append `ip:port` make a client of every source port, and an IPv6 subscriber has 2^64 addresses.

const LIMIT = '3'

interface Case {
  readonly env?: Readonly<Record<string, string>>
  readonly name?: string
  /** One value for each request. */
  readonly values: readonly string[]
}

async function statuses({ env = {}, name = 'x-forwarded-for', values }: Case): Promise<number[]> {
  const upstream = await startUpstream(echo)
  const gateway = await startGateway({
    upstream: upstream.origin,
    env: { OPEN_ACCESS: 'true', CLIENT_TOKENS: '', RATE_LIMIT_PER_MINUTE: LIMIT, ...env },
  })
  const seen: number[] = []
  for (const value of values) {
    const headers = { [name]: value, authorization: '' }
    seen.push((await gateway.fetch('/v1/models', { headers })).status)
  }
  return seen
}

const TRUSTED = { TRUST_PROXY: '127.0.0.1' }

const ONE_CLIENT = [200, 200, 200, 429, 429]

const different = (make: (index: number) => string): string[] =>
  Array.from({ length: ONE_CLIENT.length }, (_, index) => make(index))

describe('an address that the client wrote', () => {
  it.each([
    'x-forwarded-for',
    'forwarded',
    'x-real-ip',
    'x-client-ip',
    'x-cluster-client-ip',
    'cf-connecting-ip',
    'true-client-ip',
    'x_forwarded_for',
    'x-originating-ip',
  ])('in %s is believed from nobody by default', async (name) => {
    const values = different((index) => `198.51.100.${index}`)
    expect(await statuses({ name, values })).toEqual(ONE_CLIENT)
  })

  it.each(['forwarded', 'x-real-ip', 'cf-connecting-ip'])(
    'in %s is not believed from a trusted proxy either',
    async (name) => {
      const values = different((index) => `198.51.100.${index}`)
      expect(await statuses({ env: TRUSTED, name, values })).toEqual(ONE_CLIENT)
    },
  )

  it.each<[string, (index: number) => string]>([
    ['left of the one that the proxy wrote', (index) => `198.51.100.${index}, 203.0.113.9`],
    ['many times', (index) => `${`10.0.0.${index}, `.repeat(200)}203.0.113.9`],
    ['as no address at all', (index) => `evil-${index}, 203.0.113.9`],
    ['as the proxy’s own', (index) => `127.0.0.${index}, 203.0.113.9`],
    ['as nothing, again and again', (index) => `${', '.repeat(index)}203.0.113.9`],
    ['with a port of each connection', (index) => `203.0.113.9:${40_000 + index}`],
    ['with an empty port', (index) => (index % 2 === 0 ? '203.0.113.9:' : '203.0.113.9')],
    ['in IPv6’s dress', (index) => (index % 2 === 0 ? '::ffff:203.0.113.9' : '203.0.113.9')],
    ['in an IPv6 /64', (index) => `2001:db8:0:1::${index}`],
    [
      'in an IPv6 /64, in brackets and with a port',
      (index) => `[2001:db8:0:1:${index}::1]:44${index}`,
    ],
    [
      'in an IPv6 /64, spelled in different ways',
      (index) =>
        [
          '2001:db8:0:1::1',
          '2001:DB8:0:1::2',
          '2001:0db8:0000:0001::3',
          '[2001:db8:0:1::4]',
          '2001:db8:0:1:0:0:1.2.3.4',
        ][index] ?? '',
    ],
    ['as garbage that the proxy passed on', (index) => `garbage-${index}`],
  ])('%s is no way out of the limit', async (_how, make) => {
    expect(await statuses({ env: TRUSTED, values: different(make) })).toEqual(ONE_CLIENT)
  })

  it('is of use to clients that are really others', async () => {
    const values = different((index) => `198.51.100.${index}, 203.0.113.${index}`)
    expect(await statuses({ env: TRUSTED, values })).toEqual([200, 200, 200, 200, 200])
    const networks = different((index) => `2001:db8:0:${index}::1`)
    expect(await statuses({ env: TRUSTED, values: networks })).toEqual([200, 200, 200, 200, 200])
  })

  it('costs its address when tokens are guessed behind a proxy, and nobody else’s', async () => {
    const upstream = await startUpstream(echo)
    const gateway = await startGateway({
      upstream: upstream.origin,
      env: { ...TRUSTED, AUTH_FAILURE_LIMIT_PER_MINUTE: '2' },
    })
    const guess = async (token: string, forwardedFor: string): Promise<number> => {
      const headers = { authorization: `Bearer ${token}`, 'x-forwarded-for': forwardedFor }
      return (await gateway.fetch('/v1/models', { headers })).status
    }
    expect(await guess('a', '10.0.0.1, 203.0.113.9')).toBe(401)
    expect(await guess('b', '10.0.0.2, 203.0.113.9')).toBe(401)
    expect(await guess('c', '10.0.0.3, 203.0.113.9')).toBe(429)
    expect(await guess('d', '203.0.113.10')).toBe(401)
    expect(await guess(gateway.token, '203.0.113.9')).toBe(200)
  })
})
