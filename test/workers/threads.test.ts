import { lookup } from 'node:dns/promises'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'

import { describe, expect, it, onTestFinished } from 'vitest'

import { createFolder } from '../helpers/folder.ts'
import { TEST_CREDENTIAL, TEST_TOKEN } from '../helpers/gateway.ts'
import { type KeystowProcess, listeningPort, startProcess } from '../helpers/process.ts'
import { startUpstream } from '../helpers/upstream.ts'

const ADMIN_TOKEN = 'test-admin-token-of-no-use-anywhere'
const OTHER_TOKEN = 'test-token-of-another-client-0123456789'
const THREADS = 2

/** The machine may have other things to do. */
const PATIENT = { timeout: 10_000 }

interface CallInit {
  /** Of the addresses that are listened on; an IPv6 one in brackets. */
  readonly host?: string
  readonly method?: string
  readonly body?: string
  readonly headers?: Readonly<Record<string, string>>
}

interface Started {
  readonly keystow: KeystowProcess
  /** Every call is a connection of its own, so that the kernel gives it to any of the threads. */
  readonly call: (path?: string, init?: CallInit) => Promise<Response>
}

async function start(
  upstream: string,
  env: Readonly<Record<string, string>> = {},
): Promise<Started> {
  const keystow = startProcess({
    env: {
      UPSTREAM_URL: upstream,
      UPSTREAM_API_KEY: TEST_CREDENTIAL,
      CLIENT_TOKENS: `alice:${TEST_TOKEN},bob:${OTHER_TOKEN}`,
      ADMIN_TOKEN,
      PORT: '0',
      WORKERS: String(THREADS),
      RATE_LIMIT_PER_MINUTE: '0',
      CONCURRENCY_LIMIT: '0',
      ...env,
    },
  })
  const port = await listeningPort(keystow)
  await keystow.waitFor(/"worker":0,"msg":"Server listening/)
  await keystow.waitFor(/"worker":1,"msg":"Server listening/)
  return {
    keystow,
    call: (path = '/v1/models', init = {}) =>
      fetch(`http://${init.host ?? '127.0.0.1'}:${port}${path}`, {
        ...init,
        headers: { authorization: `Bearer ${TEST_TOKEN}`, connection: 'close', ...init.headers },
      }),
  }
}

const times = <T>(count: number, make: () => Promise<T>): Promise<T[]> =>
  Promise.all(Array.from({ length: count }, make))

const statuses = (answers: readonly Response[], status: number): number =>
  answers.filter((answer) => answer.status === status).length

const chat = (call: Started['call'], token = TEST_TOKEN): Promise<Response> =>
  call('/v1/chat/completions', {
    method: 'POST',
    body: '{"model":"m","messages":[]}',
    headers: { authorization: `Bearer ${token}` },
  })

async function metric(call: Started['call'], name: string): Promise<number> {
  const answer = await call('/metrics', { headers: { authorization: `Bearer ${ADMIN_TOKEN}` } })
  const [, value] = new RegExp(`^${name} (.+)$`, 'm').exec(await answer.text()) ?? []
  return Number(value)
}

/** Those that have logged requests, or only those with something in their line. */
function workersOf(keystow: KeystowProcess, part = ''): Set<unknown> {
  const lines = keystow.stdout().split('\n')
  const requests = lines.filter((line) => line.includes('"msg":"request"') && line.includes(part))
  return new Set(requests.map((line): unknown => JSON.parse(line).worker))
}

/** Those that can be listened on, and the one that the server is told of beside them. */
async function addressesOfLocalhost(): Promise<string[]> {
  const found = new Set(['127.0.0.2'])
  for (const { address } of await lookup('localhost', { all: true })) {
    const server = createServer().listen(0, address)
    const isListening = await once(server, 'listening').then(
      () => true,
      () => false,
    )
    if (isListening) found.add(address)
    server.close()
  }
  return [...found]
}

describe('several workers', () => {
  it('all serve, on one port', async () => {
    const upstream = await startUpstream((_, response) => response.end('{}'))
    const { keystow, call } = await start(upstream.origin)
    await times(64, () => call())
    expect(workersOf(keystow)).toEqual(new Set([0, 1]))
  })

  it('count the requests of a client together', async () => {
    const upstream = await startUpstream((_, response) => response.end('{}'))
    const { keystow, call } = await start(upstream.origin, { RATE_LIMIT_PER_MINUTE: '25' })
    const answers = await times(80, () => call())
    expect(statuses(answers, 200)).toBe(25)
    expect(statuses(answers, 429)).toBe(55)
    expect(workersOf(keystow).size).toBe(THREADS)
  })

  it('hold the places of a client together, and free each with the last byte', async () => {
    const held: (() => void)[] = []
    let refused = 0
    /** Whoever has a place keeps it until everybody else was told that there is none. */
    function endWhenFull(): void {
      if (held.length === 10 && refused === 20) held.splice(0).forEach((end) => end())
    }
    const upstream = await startUpstream((_, response) => {
      held.push(() => response.end('{}'))
      endWhenFull()
    })
    const { call } = await start(upstream.origin, { CONCURRENCY_LIMIT: '10' })
    for (const _round of [1, 2, 3]) {
      refused = 0
      const answers = await times(30, async () => {
        const answer = await call()
        if (answer.status === 429) refused++
        endWhenFull()
        await answer.text()
        return answer
      })
      expect(statuses(answers, 200)).toBe(10)
    }
  })

  it('let through exactly as many calls as a quota has, however many come at once', async () => {
    const upstream = await startUpstream((_, response) => response.end('{}'))
    const { keystow, call } = await start(upstream.origin, { QUOTA_PER_DAY: '25' })
    const answers = await times(80, () => chat(call))
    expect(statuses(answers, 200)).toBe(25)
    expect(statuses(answers, 429)).toBe(55)
    expect(upstream.received).toHaveLength(25)
    expect(workersOf(keystow).size).toBe(THREADS)
    expect((await chat(call)).status).toBe(429)
    await expect.poll(() => metric(call, 'keystow_ledger_in_flight')).toBe(0)
  })

  // A thread gives up before the ledger does: what is then reserved for the call would never be given back.
  it('count no call that was given up while another process wrote the ledger', async () => {
    const upstream = await startUpstream((_, response) => response.end('{}'))
    const folder = createFolder()
    const { call } = await start(upstream.origin, { QUOTA_PER_DAY: '3', DATA_DIR: folder })
    const bob = (): Promise<Response> => chat(call, OTHER_TOKEN)
    expect((await chat(call)).status).toBe(200)
    const writer = new DatabaseSync(join(folder, 'ledger.db'), { timeout: 5000 })
    onTestFinished(() => writer.close())
    writer.exec('BEGIN IMMEDIATE')
    expect((await chat(call)).status).toBe(200)
    await expect.poll(() => metric(call, 'keystow_ledger_lag_seconds')).toBeGreaterThan(0)
    expect(statuses(await times(3, bob), 503)).toBe(3)
    writer.exec('COMMIT')

    expect(statuses(await times(3, bob), 200)).toBe(3)
    expect((await bob()).status).toBe(429)
    await expect.poll(() => metric(call, 'keystow_ledger_in_flight')).toBe(0)
    expect(upstream.received).toHaveLength(5)
  })

  it.each(['1', '9'])('let %s requests in flight through together', async (limit) => {
    const held: (() => void)[] = []
    let refused = 0
    let reached = 0
    /** Whoever was let through stays until everybody has been, or was refused. */
    function endWhenAllCame(): void {
      if (held.length + refused === 30) held.splice(0).forEach((end) => end())
    }
    const upstream = await startUpstream((_, response) => {
      reached++
      held.push(() => response.end('{}'))
      endWhenAllCame()
    })
    const { keystow, call } = await start(upstream.origin, { IN_FLIGHT_LIMIT: limit })
    for (const round of [1, 2, 3]) {
      refused = 0
      const answers = await times(30, async () => {
        const answer = await call()
        if (answer.status === 503) refused++
        endWhenAllCame()
        await answer.text()
        return answer
      })
      expect(statuses(answers, 200)).toBe(Number(limit))
      expect(reached).toBe(round * Number(limit))
    }
    expect(workersOf(keystow).size).toBe(THREADS)
  })

  it('serve every address of localhost', async () => {
    const upstream = await startUpstream((_, response) => response.end('{}'))
    const more = new URL('../helpers/more-of-localhost.ts', import.meta.url)
    const { keystow, call } = await start(upstream.origin, {
      HOST: 'localhost',
      NODE_OPTIONS: `--import ${more.href}`,
    })
    const hosts = (await addressesOfLocalhost()).map((address) =>
      address.includes(':') ? `[${address}]` : address,
    )
    for (const [index, host] of hosts.entries()) {
      await expect
        .poll(() => keystow.stdout().split(`listening at http://${host}:`).length - 1, PATIENT)
        .toBe(THREADS)
      await times(64, () => call(`/v1/host-${index}`, { host }))
      await expect
        .poll(() => workersOf(keystow, `"path":"/v1/host-${index}"`), PATIENT)
        .toEqual(new Set([0, 1]))
    }
  })

  it('keep the bodies of all in no more than BODY_MEMORY_LIMIT_MB together', async () => {
    const held: (() => void)[] = []
    let onReached = (): void => {}
    const upstream = await startUpstream((_, response) => {
      held.push(() => response.end('{}'))
      onReached()
    })
    const { call } = await start(upstream.origin, {
      BODY_LIMIT_MB: '4',
      BODY_MEMORY_LIMIT_MB: '16',
    })
    const body = `{"a":"${'x'.repeat(4 * 1024 * 1024 - 8)}"}`
    const headers = { 'content-type': 'application/json' }
    const answers: Promise<Response>[] = []
    for (let i = 0; i < 12; i++) {
      const reached = new Promise<void>((resolve) => (onReached = resolve))
      const answer = call('/v1/chat/completions', { method: 'POST', body, headers })
      answers.push(answer)
      await Promise.race([reached, answer])
    }
    const count = held.length
    for (const end of held) end()
    const all = await Promise.all(answers)
    expect(count).toBe(4)
    expect(statuses(all, 503)).toBe(8)
  })

  it('answer with the metrics of all of them', async () => {
    const upstream = await startUpstream((_, response) => response.end('{}'))
    const { call } = await start(upstream.origin)
    await times(40, () => call())
    const answer = await call('/metrics', { headers: { authorization: `Bearer ${ADMIN_TOKEN}` } })
    const text = await answer.text()
    expect(text).toContain('keystow_requests_total{route="v1",status="200"} 40\n')
    expect(text).toContain('keystow_ledger_entries_total{kind="exact",ending="completed"} 40\n')
    // Of the one ledger, not of each thread's view of it.
    expect(text).toContain('keystow_ledger_ready 1\n')
    expect(text).toContain('keystow_limit_store_ready 1\n')
  })

  it('drain together, and end with 0', async () => {
    const upstream = await startUpstream((_, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: {"a":1}\n\n')
      setTimeout(() => response.end('data: [DONE]\n\n'), 500)
    })
    const { keystow, call } = await start(upstream.origin)
    const streams = await times(16, () =>
      call('/v1/chat/completions', { method: 'POST', body: '{}' }),
    )
    keystow.child.kill('SIGTERM')
    const bodies = await Promise.all(streams.map((stream) => stream.text()))
    expect(bodies.every((body) => body.endsWith('data: [DONE]\n\n'))).toBe(true)
    expect(await keystow.exited).toBe(0)
  })

  it('take up new settings together', async () => {
    const upstream = await startUpstream((_, response) => response.end('{}'))
    const { keystow } = await start(upstream.origin)
    keystow.child.kill('SIGHUP')
    await keystow.waitFor(/"worker":0,"reason":"SIGHUP"/)
    await keystow.waitFor(/"worker":1,"reason":"SIGHUP"/)
    expect(keystow.child.exitCode).toBeNull()
  })

  it('are refused a port that another server has', async () => {
    const upstream = await startUpstream((_, response) => response.end('{}'))
    const { port } = new URL(upstream.origin)
    const keystow = startProcess({
      env: {
        UPSTREAM_API_KEY: TEST_CREDENTIAL,
        CLIENT_TOKENS: `alice:${TEST_TOKEN}`,
        WORKERS: '2',
        PORT: port,
      },
    })
    expect(await keystow.exited).toBe(1)
    expect(keystow.stdout()).toContain('cannot listen on')
  })
})
