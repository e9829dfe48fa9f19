import { describe, expect, it } from 'vitest'

import { startGateway } from '../helpers/gateway.ts'
import { openRaw, rawRequest } from '../helpers/raw.ts'
import { echo, startUpstream } from '../helpers/upstream.ts'

const PAGE = 'https://app.example.com'
/** Stands for whatever a client may send that no log should keep. */
const MARK = 'marked-bytes'

async function start(env: Readonly<Record<string, string>> = {}) {
  const upstream = await startUpstream(echo)
  const gateway = await startGateway({ upstream: upstream.origin, env })
  return { gateway, client: openRaw(gateway) }
}

describe('an answer to what is no request', () => {
  it.each([
    ['bytes that are no HTTP', `${MARK}\r\n\r\n`, 400, 'bad_request'],
    ['a flood of headers', `GET / HTTP/1.1\r\nx: ${MARK.repeat(2000)}`, 431, 'headers_too_large'],
    ['CONNECT', `CONNECT ${MARK}:443 HTTP/1.1\r\nhost: x\r\n\r\n`, 405, 'method_not_allowed'],
    ['half a head', `GET /${MARK} HTTP/1.1\r\n`, 408, 'request_timeout'],
  ])('has one line in the log (%s), without a byte of it', async (_what, bytes, status, error) => {
    const { gateway, client } = await start({ HEADER_TIMEOUT_MS: '300' })
    client.send(bytes)
    const [answer] = await client.untilClosed()
    expect(answer?.status).toBe(status)
    expect(gateway.requestLines()).toEqual([
      {
        level: 'info',
        time: expect.any(String),
        requestId: answer?.headers['x-request-id'],
        route: 'unknown',
        status,
        address: '127.0.0.1',
        error,
        msg: 'request',
      },
    ])
    expect(gateway.log()).not.toContain(MARK)
    const { values } = await gateway.metrics.requests.get()
    expect(values).toMatchObject([{ labels: { route: 'unknown', status }, value: 1 }])
  })

  it('has a line of its own beside that of the request before', async () => {
    const { gateway, client } = await start()
    client.send(`${rawRequest('GET', '/v1/x')}${MARK}\r\n\r\n${MARK}\r\n\r\n`)
    await client.untilClosed()
    const lines = gateway.requestLines()
    expect(lines).toHaveLength(2)
    expect(new Set(lines.map(({ status }) => status))).toEqual(new Set([200, 400]))
  })
})

describe('an expectation that cannot be met', () => {
  it('is answered so that a page can read it, and logged', async () => {
    const { gateway, client } = await start({ ALLOWED_ORIGINS: PAGE })
    const head = `origin: ${PAGE}\r\nexpect: tea\r\ncontent-length: 1\r\n`
    client.send(rawRequest('POST', '/v1/x', { head }))
    const [answer] = await client.untilClosed()
    expect(answer?.status).toBe(417)
    expect(answer?.headers).toMatchObject({
      'access-control-allow-origin': PAGE,
      'access-control-expose-headers': expect.stringContaining('x-request-id'),
      vary: 'Origin',
    })
    expect(gateway.requestLines()).toMatchObject([
      { requestId: answer?.headers['x-request-id'], status: 417, error: 'expectation_failed' },
    ])
  })
})
