import { describe, expect, it } from 'vitest'

import { startGateway, TEST_CREDENTIAL } from '../helpers/gateway.ts'
import { type Handler, startUpstream } from '../helpers/upstream.ts'

// OpenAI's own 401 says "Incorrect API key provided: sk-…", debugging upstreams echo the request's headers, and a
// hostile one would do so on purpose. Nobody may learn the credential by making the upstream say it.

const SECRET = TEST_CREDENTIAL.slice('hk-'.length)

const POST = { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{}' }

async function seenBy(
  handler: Handler,
): Promise<{ seen: string; response: Response; log: string }> {
  const upstream = await startUpstream(handler)
  const gateway = await startGateway({ upstream: upstream.origin })
  const response = await gateway.fetch('/v1/chat/completions', POST)
  const seen = JSON.stringify([...response.headers]) + (await response.text())
  await gateway.waitForLine(() => true)
  return { seen, response, log: gateway.log() }
}

describe('an upstream that gives the credential back', () => {
  it('in a JSON body is redacted, length and all', async () => {
    const body = JSON.stringify({
      error: { message: `Incorrect API key provided: ${TEST_CREDENTIAL}` },
    })
    const { seen, response, log } = await seenBy((_request, answer) => {
      answer.writeHead(401, { 'content-type': 'application/json', 'content-length': body.length })
      answer.end(body)
    })
    expect(response.status).toBe(401)
    expect(seen).toContain('[redacted]')
    expect(seen).not.toContain(SECRET)
    expect(log).toContain('"alarm":"credential_in_answer"')
    expect(log).not.toContain(SECRET)
  })

  it('in a stream is redacted, whichever way it is cut', async () => {
    const { seen } = await seenBy((_request, answer) => {
      answer.writeHead(200, { 'content-type': 'text/event-stream' })
      answer.write(`data: {"choices":[{"delta":{"content":"${TEST_CREDENTIAL.slice(0, 20)}`)
      setTimeout(() => {
        answer.end(
          `${TEST_CREDENTIAL.slice(20)}"},"finish_reason":"stop"}]}\n\n: ${SECRET}\n\ndata: [DONE]\n\n`,
        )
      }, 50)
    })
    expect(seen.match(/\[redacted\]/g)).toHaveLength(2)
    expect(seen).not.toContain(SECRET)
  })

  it('in headers is redacted, and a header named so is dropped', async () => {
    const { seen, log } = await seenBy((_request, answer) => {
      answer.writeHead(200, {
        'content-type': 'application/json',
        link: `</x?key=${encodeURIComponent(TEST_CREDENTIAL)}>`,
        'x-debug': Buffer.from(TEST_CREDENTIAL).toString('base64'),
        [`x-${SECRET}`]: '1',
        location: `/v1/x?key=${TEST_CREDENTIAL}`,
      })
      answer.end('{}')
    })
    expect(seen.match(/\[redacted\]/g)).toHaveLength(3)
    expect(seen).not.toContain(SECRET)
    expect(log).toContain('"alarm":"credential_in_answer"')
  })

  it('in the reason, in chunk extensions or in trailers gets none of them through', async () => {
    const { seen } = await seenBy(({ message }) => {
      message.socket.end(
        `HTTP/1.1 200 ${SECRET}\r\ntransfer-encoding: chunked\r\ntrailer: x-key\r\n\r\n` +
          `2;key=${SECRET}\r\n{}\r\n0\r\nx-key: ${SECRET}\r\n\r\n`,
      )
    })
    expect(seen).toContain('{}')
    expect(seen).not.toContain(SECRET)
  })
})
