import { describe, expect, it } from 'vitest'

import { startGateway } from '../helpers/gateway.ts'
import { openRaw, rawRequest } from '../helpers/raw.ts'
import { echo, startUpstream } from '../helpers/upstream.ts'

// Node keeps the first 1,000 headers of a request and drops the rest without a word: a second Host or Authorization
// behind them is seen by nobody here, and by whoever reads the message next. Too many headers are refused, not cut.

/** `host` and `authorization` come with every request of these. */
const OTHERS = 2

async function send(head: string, env: Readonly<Record<string, string>> = {}) {
  const upstream = await startUpstream(echo)
  const gateway = await startGateway({ upstream: upstream.origin, env })
  const client = openRaw(gateway)
  client.send(rawRequest('GET', '/v1/x', { head }) + rawRequest('GET', '/v1/smuggled'))
  return { upstream, client }
}

describe('request headers', () => {
  it.each([
    ['as many as are allowed', {}, 100],
    ['as many as HEADER_COUNT_LIMIT', { HEADER_COUNT_LIMIT: '7' }, 7],
  ])('(%s) are taken', async (_what, env, count) => {
    const { client } = await send('a: b\r\n'.repeat(count - OTHERS), env)
    expect((await client.answers(2)).map(({ status }) => status)).toEqual([200, 200])
  })

  it.each([
    ['one more than is allowed', {}, 'a: b\r\n'.repeat(101 - OTHERS)],
    [
      'one more than HEADER_COUNT_LIMIT',
      { HEADER_COUNT_LIMIT: '7' },
      'a: b\r\n'.repeat(8 - OTHERS),
    ],
    ['a flood with a second host behind it', {}, `${'a: b\r\n'.repeat(1000)}host: y\r\n`],
    [
      'a flood with chunks behind it',
      {},
      `${'a: b\r\n'.repeat(1000)}transfer-encoding: chunked\r\n`,
    ],
    ['more than 16 KiB', {}, `x: ${'y'.repeat(17_000)}\r\n`],
    ['more than HEADER_LIMIT_KB', { HEADER_LIMIT_KB: '2' }, `x: ${'y'.repeat(2100)}\r\n`],
    ['far more than that', {}, `x: ${'y'.repeat(1_000_000)}\r\n`],
  ])('(%s) are 431, and the connection closes', async (_what, env, head) => {
    const { client, upstream } = await send(head, env)
    const answers = await client.untilClosed()
    expect(answers.map(({ status }) => status)).toEqual([431])
    expect(JSON.parse(answers[0]?.body ?? '')).toMatchObject({
      error: { code: 'headers_too_large' },
    })
    expect(upstream.received).toHaveLength(0)
  })

  it('are limited together with a long request line', async () => {
    const upstream = await startUpstream(echo)
    const gateway = await startGateway({ upstream: upstream.origin })
    const client = openRaw(gateway)
    client.send(rawRequest('GET', `/v1/x?${'y'.repeat(17_000)}`))
    expect((await client.untilClosed()).map(({ status }) => status)).toEqual([431])
  })

  it('may be as large as HEADER_LIMIT_KB allows', async () => {
    const { client } = await send(`x: ${'y'.repeat(40_000)}\r\n`, { HEADER_LIMIT_KB: '64' })
    expect((await client.answers(2)).map(({ status }) => status)).toEqual([200, 200])
  })

  it('behind a body are limited too', async () => {
    const upstream = await startUpstream(echo)
    const gateway = await startGateway({ upstream: upstream.origin })
    const client = openRaw(gateway)
    client.send(
      rawRequest('POST', '/v1/x', {
        head: 'transfer-encoding: chunked\r\n',
        body: `1\r\nx\r\n0\r\n${'a: b\r\n'.repeat(10_000)}\r\n`,
      }),
    )
    expect((await client.untilClosed()).map(({ status }) => status)).toEqual([431])
    expect(upstream.received).toHaveLength(0)
  })
})
