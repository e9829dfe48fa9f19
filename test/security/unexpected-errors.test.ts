import { writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { describe, expect, it } from 'vitest'

import { createUnexpectedErrors } from '../../src/unexpected-errors.ts'
import { createMetrics } from '../../src/metrics.ts'
import type { EgressScanner } from '../../src/proxy/egress-scan.ts'
import type { Services } from '../../src/services.ts'
import { createFolder } from '../helpers/folder.ts'
import { startGateway, TEST_CREDENTIAL, TEST_TOKEN } from '../helpers/gateway.ts'
import { type KeystowProcess, listeningPort, startProcess } from '../helpers/process.ts'
import { collectSse } from '../helpers/sse.ts'
import { echo, type Handler, startUpstream } from '../helpers/upstream.ts'

// Whoever finds one input that makes the process throw where nobody catches it ends every stream of every client with
// one request, again and again. An error ends the request it belongs to; one that belongs to none is an alarm, and the
// others go on. What the client is told never says what was thrown.

const SECRET = TEST_CREDENTIAL.slice('hk-'.length)

function fail(): never {
  throw new TypeError(`a bug that names ${TEST_CREDENTIAL}`)
}

const failingBody = ({ scanner }: Services): Partial<Services> => {
  const failing: EgressScanner = {
    ...scanner,
    startBody: (options) => ({ ...scanner.startBody(options), find: fail }),
  }
  return { scanner: failing }
}

const failingHead = ({ scanner }: Services): Partial<Services> => ({
  scanner: { ...scanner, scanText: fail },
})

const failingStore = ({ limitStore }: Services): Partial<Services> => ({
  limitStore: { ...limitStore, countRequest: async () => fail() },
})

const json: Handler = (_request, response) => {
  response.writeHead(200, { 'content-type': 'application/json' }).end('{}')
}

const gzip: Handler = (_request, response) => {
  response.writeHead(200, { 'content-type': 'application/json', 'content-encoding': 'gzip' })
  response.end(Buffer.from('H4sIAAAAAAAAA6uuBQBDv6ajAgAAAA==', 'base64'))
}

describe('a bug', () => {
  it.each<[string, (services: Services) => Partial<Services>, Handler]>([
    ['in a hook', failingStore, json],
    ['in what reads an answer’s head', failingHead, json],
  ])(
    '(%s) is 500 for its request, and says nothing of itself',
    async (_where, replace, handler) => {
      const upstream = await startUpstream(handler)
      const env = { RATE_LIMIT_PER_MINUTE: '10' }
      const gateway = await startGateway({ upstream: upstream.origin, env, replace })
      const response = await gateway.fetch('/v1/x')
      const text = await response.text()
      expect(response.status).toBe(500)
      expect(JSON.parse(text)).toMatchObject({ error: { code: 'internal_error' } })
      expect(text).not.toMatch(/TypeError|a bug|at |hk-/)
      const line = await gateway.waitForLine(() => true)
      expect(line['requestId']).toBe(response.headers.get('x-request-id'))
      expect(JSON.stringify(line)).toContain('a bug that names')
      expect(gateway.log()).not.toContain(SECRET)
      expect((await fetch(`${gateway.origin}/healthz`)).status).toBe(200)
    },
  )

  it.each<[string, Handler]>([
    ['that is passed on', json],
    ['that is decoded', gzip],
  ])(
    'in what reads an answer’s body (%s) ends its request, logged with its id',
    async (_what, handler) => {
      const upstream = await startUpstream(handler)
      const gateway = await startGateway({ upstream: upstream.origin, replace: failingBody })
      await expect(gateway.fetch('/v1/x').then((response) => response.text())).rejects.toThrow(/./)
      const line = await gateway.waitForLine(() => true)
      expect(line).toMatchObject({ level: 'error', ending: 'aborted', error: 'internal_error' })
      expect(line['requestId']).toMatch(/^req_/)
      expect((await fetch(`${gateway.origin}/healthz`)).status).toBe(200)
    },
  )
})

/** Throws what it is told to, where nobody catches it, with every SIGUSR2. */
const SABOTAGE = `
let count = 0
process.on('SIGUSR2', () => {
  const error = new Error('sabotage with ${TEST_CREDENTIAL}')
  if (count++ % 2 === 0) setTimeout(() => { throw error })
  else void Promise.reject(error)
})`

async function startSabotaged() {
  const upstream = await startUpstream((request, response) => {
    if (request.message.url !== '/v1/chat/completions') return echo(request, response)
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.write('data: {"choices":[{"delta":{}}]}\n\n')
    setTimeout(() => {
      response.end('data: {"choices":[{"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n')
    }, 1500)
    return undefined
  })
  const preload = join(createFolder(), 'sabotage.mjs')
  writeFileSync(preload, SABOTAGE)
  const keystow = startProcess({
    env: {
      PORT: '0',
      NODE_OPTIONS: `--import=${preload}`,
      UPSTREAM_API_KEY: TEST_CREDENTIAL,
      UPSTREAM_URL: upstream.origin,
      CLIENT_TOKENS: `alice:${TEST_TOKEN}`,
      ADMIN_TOKEN: 'ks-test-admin',
    },
  })
  const port = await listeningPort(keystow)
  const get = (path: string, token = TEST_TOKEN): Promise<Response> =>
    fetch(`http://127.0.0.1:${port}${path}`, { headers: { authorization: `Bearer ${token}` } })
  const stream = await fetch(`http://127.0.0.1:${port}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${TEST_TOKEN}`, 'content-type': 'application/json' },
    body: '{"stream":true}',
  })
  return { keystow, get, stream }
}

async function sabotage(keystow: KeystowProcess, times: number): Promise<void> {
  const already = countAlarms(keystow)
  for (let i = 1; i <= times; i++) {
    keystow.child.kill('SIGUSR2')
    while (countAlarms(keystow) < already + i) {
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
  }
}

const countAlarms = (keystow: KeystowProcess): number =>
  keystow.stdout().split('"alarm":"unexpected_error"').length - 1

describe('an error that nobody caught', () => {
  it('is an alarm and a metric, and no other request feels it', async () => {
    const { keystow, get, stream } = await startSabotaged()
    await sabotage(keystow, 4)
    expect((await get('/v1/x')).status).toBe(200)
    const events = await collectSse(stream)
    expect(events.at(-1)?.data).toBe('[DONE]')
    const metrics = await (await get('/metrics', 'ks-test-admin')).text()
    expect(metrics).toContain('keystow_unexpected_errors_total 4')
    expect(keystow.stdout()).toContain('sabotage with')
    expect(keystow.stdout() + keystow.stderr()).not.toContain(SECRET)
  })

  it('too often ends the process, when its answers are over, so that another takes its place', async () => {
    const { keystow, get, stream } = await startSabotaged()
    await sabotage(keystow, 11)
    expect((await get('/v1/x')).status).toBe(503)
    const events = await collectSse(stream)
    expect(events.at(-1)?.data).toBe('[DONE]')
    expect(await keystow.exited).toBe(1)
  })
})

describe('a storm of unexpected errors', () => {
  it('is more than ten in a minute, and is told once', () => {
    let now = 0
    let storms = 0
    const onUnexpectedError = createUnexpectedErrors({
      logger: { fatal() {} },
      metrics: createMetrics(),
      onStorm: () => storms++,
      now: () => now,
    })
    for (let i = 0; i < 100; i++) {
      now += 6001
      onUnexpectedError(new Error('x'), 'uncaughtException')
    }
    expect(storms).toBe(0)
    for (let i = 0; i < 100; i++) onUnexpectedError(new Error('x'), 'unhandledRejection')
    expect(storms).toBe(1)
  })
})
