import { connect } from 'node:net'

import { describe, expect, it } from 'vitest'

import { TEST_CREDENTIAL, TEST_TOKEN } from '../helpers/gateway.ts'
import { type KeystowProcess, listeningPort, startProcess } from '../helpers/process.ts'
import { collectSse } from '../helpers/sse.ts'
import { startUpstream } from '../helpers/upstream.ts'

const DELTA = 'data: {"choices":[{"delta":{"content":"a"},"finish_reason":null}]}\n\n'
const END = 'data: {"choices":[{"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
const STREAMS = 50

interface Running {
  readonly keystow: KeystowProcess
  readonly port: number
  /** Lets the upstream end all its streams. */
  readonly endStreams: () => void
}

async function start(env: Readonly<Record<string, string>> = {}): Promise<Running> {
  const enders: (() => void)[] = []
  const upstream = await startUpstream((_request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' }).write(DELTA)
    enders.push(() => response.end(DELTA + END))
  })
  const keystow = startProcess({
    env: {
      PORT: '0',
      UPSTREAM_API_KEY: TEST_CREDENTIAL,
      UPSTREAM_URL: upstream.origin,
      CLIENT_TOKENS: `alice:${TEST_TOKEN}`,
      CONCURRENCY_LIMIT: '0',
      RATE_LIMIT_PER_MINUTE: '0',
      ...env,
    },
  })
  const port = await listeningPort(keystow)
  return { keystow, port, endStreams: () => enders.forEach((end) => end()) }
}

function stream(port: number): Promise<Response> {
  return fetch(`http://127.0.0.1:${port}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${TEST_TOKEN}`, 'content-type': 'application/json' },
    body: '{"model":"m","stream":true}',
  })
}

describe('SIGTERM', () => {
  it('cuts none of 50 running streams, turns new requests away and exits 0', async () => {
    const { keystow, port, endStreams } = await start()
    const running = await Promise.all(Array.from({ length: STREAMS }, () => stream(port)))
    keystow.child.kill('SIGTERM')
    await keystow.waitFor('"draining"')

    const late = await stream(port)
    expect(late.status).toBe(503)
    expect(late.headers.get('retry-after')).toBe('1')
    expect(late.headers.get('connection')).toBe('close')
    expect(await late.json()).toMatchObject({ error: { code: 'draining', type: 'server_error' } })
    expect((await fetch(`http://127.0.0.1:${port}/readyz`)).status).toBe(503)
    expect((await fetch(`http://127.0.0.1:${port}/healthz`)).status).toBe(200)

    endStreams()
    const ends = await Promise.all(running.map(collectSse))
    expect(ends.map((events) => events.at(-1)?.data)).toEqual(
      Array.from({ length: STREAMS }, () => '[DONE]'),
    )
    expect(await keystow.exited).toBe(0)
  })

  it('exits at once when nothing runs, idle connections or not', async () => {
    const { keystow, port } = await start()
    const idle = connect(port, '127.0.0.1')
    idle.on('error', () => {})
    await new Promise((resolve) => idle.once('connect', resolve))
    keystow.child.kill('SIGTERM')
    expect(await keystow.exited).toBe(0)
    idle.destroy()
  })

  it('ends what still runs after DRAIN_TIMEOUT_MS with an error that says so', async () => {
    const { keystow, port } = await start({ DRAIN_TIMEOUT_MS: '200' })
    const running = await stream(port)
    keystow.child.kill('SIGTERM')
    const events = await collectSse(running)
    expect(events.map(({ data }) => data).slice(-2)).toEqual([
      expect.stringContaining('"code":"draining"'),
      '[DONE]',
    ])
    expect(await keystow.exited).toBe(0)
  })

  it('ends the process at once when it comes twice', async () => {
    const { keystow, port } = await start()
    const running = await stream(port)
    keystow.child.kill('SIGTERM')
    await keystow.waitFor('"draining"')
    keystow.child.kill('SIGTERM')
    expect(await keystow.exited).toBe(1)
    await expect(running.text()).rejects.toThrow('terminated')
  })
})
