import { connect } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'

import { describe, expect, it } from 'vitest'

import { TEST_CREDENTIAL, TEST_TOKEN } from '../helpers/gateway.ts'
import { type KeystowProcess, listeningPort, startProcess } from '../helpers/process.ts'
import { connectRaw, rawRequest } from '../helpers/raw.ts'
import { collectSse } from '../helpers/sse.ts'
import { startUpstream } from '../helpers/upstream.ts'

const DELTA = 'data: {"choices":[{"delta":{"content":"a"},"finish_reason":null}]}\n\n'
const END = 'data: {"choices":[{"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
const STREAMS = 50
const ADMIN_TOKEN = 'ks-test-admin-token-of-drain'

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
  const running = await startProcessFor(upstream.origin, env)
  return { ...running, endStreams: () => enders.forEach((end) => end()) }
}

async function startProcessFor(upstream: string, env: Readonly<Record<string, string>>) {
  const keystow = startProcess({
    env: {
      PORT: '0',
      UPSTREAM_API_KEY: TEST_CREDENTIAL,
      UPSTREAM_URL: upstream,
      ADMIN_TOKEN,
      CLIENT_TOKENS: `alice:${TEST_TOKEN}`,
      CONCURRENCY_LIMIT: '0',
      RATE_LIMIT_PER_MINUTE: '0',
      ...env,
    },
  })
  return { keystow, port: await listeningPort(keystow) }
}

/** Resolves once a request is in flight. */
async function untilRunning(port: number): Promise<void> {
  const headers = { authorization: `Bearer ${ADMIN_TOKEN}` }
  for (;;) {
    const metrics = await (await fetch(`http://127.0.0.1:${port}/metrics`, { headers })).text()
    // The request for the metrics is one itself.
    if (/^keystow_requests_in_flight 2$/m.test(metrics)) return
    await wait(10)
  }
}

async function expectDraining(response: Response): Promise<void> {
  expect(response.status).toBe(503)
  expect(response.headers.get('retry-after')).toBe('1')
  expect(response.headers.get('connection')).toBe('close')
  expect(await response.json()).toMatchObject({ error: { code: 'draining', type: 'server_error' } })
}

/** The line about the request that was forwarded. */
function requestLine(keystow: KeystowProcess): unknown {
  const lines = keystow.stdout().trim().split('\n')
  return lines
    .map((line): Record<string, unknown> => JSON.parse(line))
    .find(({ msg, route }) => msg === 'request' && route === 'v1')
}

function stream(port: number, path = '/v1/chat/completions'): Promise<Response> {
  return fetch(`http://127.0.0.1:${port}${path}`, {
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
    await expectDraining(late)
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

  it('answers what waits for the upstream after DRAIN_TIMEOUT_MS', async () => {
    const upstream = await startUpstream(() => {})
    const { keystow, port } = await startProcessFor(upstream.origin, { DRAIN_TIMEOUT_MS: '200' })
    const answer = stream(port)
    while (upstream.received.length === 0) await wait(5)
    keystow.child.kill('SIGTERM')
    await expectDraining(await answer)
    expect(await keystow.exited).toBe(0)
    expect(requestLine(keystow)).toMatchObject({ status: 503, error: 'draining' })
    await upstream.received[0]?.closed
  })

  it.each([
    ['JSON', 'content-type: application/json\r\ncontent-length: 1000000\r\n', '{"a":"'],
    ['an upload', 'content-type: audio/mpeg\r\ncontent-length: 1000000\r\n', 'x'],
    ['chunks', 'content-type: audio/mpeg\r\ntransfer-encoding: chunked\r\n', '1\r\nx\r\n'],
  ])('answers who still sends %s after DRAIN_TIMEOUT_MS', async (_what, head, body) => {
    const upstream = await startUpstream(() => {})
    const { keystow, port } = await startProcessFor(upstream.origin, { DRAIN_TIMEOUT_MS: '200' })
    const client = connectRaw(port)
    client.send(rawRequest('POST', '/v1/audio/transcriptions', { head, body }))
    await untilRunning(port)
    keystow.child.kill('SIGTERM')
    const [answer] = await client.answers(1)
    expect(answer?.status).toBe(503)
    expect(answer?.headers).toMatchObject({ 'retry-after': '1', connection: 'close' })
    expect(JSON.parse(answer?.body ?? '')).toMatchObject({ error: { code: 'draining' } })
    expect(await keystow.exited).toBe(0)
    expect(requestLine(keystow)).toMatchObject({ status: 503, error: 'draining' })
  })

  it('cuts a stream of /v1/responses with its own error event', async () => {
    const upstream = await startUpstream((_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.write('event: response.created\ndata: {"type":"response.created"}\n\n')
    })
    const { keystow, port } = await startProcessFor(upstream.origin, { DRAIN_TIMEOUT_MS: '200' })
    const running = await stream(port, '/v1/responses')
    keystow.child.kill('SIGTERM')
    const events = await collectSse(running)
    expect(events.map(({ event }) => event)).toEqual(['response.created', 'error'])
    expect(events.at(-1)?.data).toContain('draining')
    expect(await keystow.exited).toBe(0)
  })

  it('breaks off an answer in one piece, whose end would look whole', async () => {
    const upstream = await startUpstream((_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json' }).write('{"a":')
    })
    const { keystow, port } = await startProcessFor(upstream.origin, { DRAIN_TIMEOUT_MS: '200' })
    const running = await stream(port)
    keystow.child.kill('SIGTERM')
    await expect(running.text()).rejects.toThrow('terminated')
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
