import { rmSync, writeFileSync } from 'node:fs'
import type { ServerResponse } from 'node:http'
import { join } from 'node:path'

import { describe, expect, it } from 'vitest'

import { TEST_CREDENTIAL } from '../helpers/gateway.ts'
import { startProcess } from '../helpers/process.ts'
import { clientYaml, type Reloadable, startReloadable } from '../helpers/reloadable.ts'
import { echo, type Handler, startUpstream, type Upstream } from '../helpers/upstream.ts'

const ALICE = `clients:\n${clientYaml('alice')}`
const RELOADED = /"msg":"reloaded"/

async function start(
  yaml: string,
  options: { env?: Record<string, string>; dotenv?: string; handler?: Handler } = {},
): Promise<Reloadable & { upstream: Upstream }> {
  const upstream = await startUpstream(options.handler ?? echo)
  return { ...(await startReloadable({ upstream: upstream.origin, yaml, ...options })), upstream }
}

describe('SIGHUP', () => {
  it('takes clients in and out', async () => {
    const running = await start(ALICE)
    expect(await running.status('/v1/models', 'alice')).toBe(200)
    expect(await running.status('/v1/models', 'bob')).toBe(401)
    running.write(ALICE + clientYaml('bob'))
    await running.hangUp(/"reason":"SIGHUP","clients":2,.*"msg":"reloaded/)
    expect(await running.status('/v1/models', 'bob')).toBe(200)
    running.write(`clients:\n${clientYaml('bob')}`)
    await running.hangUp(RELOADED)
    expect(await running.status('/v1/models', 'alice')).toBe(401)
    expect(await running.status('/v1/models', 'bob')).toBe(200)
  })

  it('takes families in and out', async () => {
    const running = await start(ALICE)
    expect(await running.status('/suno/feed', 'alice')).toBe(404)
    running.write(`${ALICE}routes: { suno: { prefix: [/suno, /pro/suno] } }\n`)
    await running.hangUp(/"families":\["v1","mj","suno"\].*"msg":"reloaded"/)
    expect(await running.status('/suno/feed', 'alice')).toBe(200)
    expect(await running.status('/v1/pro/suno/feed', 'alice')).toBe(200)
    expect(await running.status('/suno/feed')).toBe(401)
    const init = { method: 'OPTIONS' }
    expect((await running.fetch('/suno/feed', 'alice', init)).status).toBe(405)
    expect((await running.fetch('/suno/feed', 'alice', { method: 'HEAD' })).status).toBe(200)
    expect(await running.status('/other')).toBe(404)
    running.write(ALICE)
    await running.hangUp(RELOADED)
    expect(await running.status('/suno/feed', 'alice')).toBe(404)
    expect(running.upstream.received.map(({ message }) => message.url)).toEqual([
      '/suno/feed',
      '/pro/suno/feed',
      '/suno/feed',
    ])
  })

  it('takes up limits, paths, origins and the level of the log', async () => {
    const running = await start(ALICE)
    expect(await running.status('/v1/files', 'alice')).toBe(403)
    running.write(
      `${ALICE}openPaths: [/v1/files]\nrateLimitPerMinute: 2\nallowedOrigins: [https://a.example]\nlogLevel: warn\n`,
    )
    await running.hangUp(/"status":403/)
    const origin = { origin: 'https://a.example' }
    await expect
      .poll(async () => {
        const response = await running.fetch('/healthz', undefined, { headers: origin })
        return response.headers.get('access-control-allow-origin')
      })
      .toBe('https://a.example')
    expect(await running.status('/v1/files', 'alice')).toBe(200)
    expect(await running.status('/v1/models', 'alice')).toBe(200)
    expect(await running.status('/v1/models', 'alice')).toBe(429)
    expect(running.keystow.stdout()).not.toMatch(/"path":"\/v1\/models".*"msg":"request"/)
  })

  it('reads .env again', async () => {
    const running = await start('', { dotenv: 'CLIENT_TOKENS=alice:ks-test-alice\n' })
    writeFileSync(join(running.folder, '.env'), 'CLIENT_TOKENS=bob:ks-test-bob\n')
    await running.hangUp(RELOADED)
    expect(await running.status('/v1/models', 'alice')).toBe(401)
    expect(await running.status('/v1/models', 'bob')).toBe(200)
  })

  it('says so when nothing has changed', async () => {
    const running = await start(ALICE)
    await running.hangUp(/"reason":"SIGHUP".*"msg":"reloaded: nothing changed"/)
    expect(await running.status('/v1/models', 'alice')).toBe(200)
  })

  it('names what needs a restart, leaves it alone and takes up the rest', async () => {
    const running = await start(ALICE)
    running.write(`${ALICE}${clientYaml('bob')}dataDir: elsewhere\nupstreamConnections: 7\n`)
    await running.hangUp(/"level":"warn".*"needs a restart: DATA_DIR, UPSTREAM_CONNECTIONS"/)
    await running.waitForNext(RELOADED)
    expect(await running.status('/v1/models', 'bob')).toBe(200)
  })

  it('keeps the token that was made for this run, and prints no other', async () => {
    const running = await start('')
    await running.keystow.waitFor('CLIENT_TOKENS')
    const [token] = /ks-[0-9A-Za-z]{43}/.exec(running.keystow.stderr()) ?? ['']
    running.write('openPaths: [/v1/files]\n')
    await running.hangUp(RELOADED)
    const init = { headers: { authorization: `Bearer ${token}` } }
    expect((await running.fetch('/v1/files', undefined, init)).status).toBe(200)
    running.write(ALICE)
    await running.hangUp(RELOADED)
    expect((await running.fetch('/v1/files', undefined, init)).status).toBe(401)
    expect(running.keystow.stderr().match(/ks-[0-9A-Za-z]{43}/g)).toHaveLength(1)
  })

  it('makes and prints a token when the last client was taken out', async () => {
    const running = await start(ALICE)
    running.write('')
    await running.hangUp(RELOADED)
    await running.keystow.waitFor('CLIENT_TOKENS')
    const [token] = /ks-[0-9A-Za-z]{43}/.exec(running.keystow.stderr()) ?? ['']
    const init = { headers: { authorization: `Bearer ${token}` } }
    expect((await running.fetch('/v1/models', undefined, init)).status).toBe(200)
    expect(await running.status('/v1/models', 'alice')).toBe(401)
  })
})

describe('a YAML file that changes', () => {
  it('is taken up without a signal', async () => {
    const running = await start(ALICE)
    running.write(ALICE + clientYaml('bob'))
    await running.waitForNext(/"reason":"changed: [^"]*keystow\.yaml[^"]*","clients":2/)
    expect(await running.status('/v1/models', 'bob')).toBe(200)
  })

  it('changes nothing when it cannot be used, and the log says why, as the start would', async () => {
    const running = await start(ALICE)
    const bad = `clients:\n${clientYaml('bob', ', model: [x]')}rateLimitPerMinut: 5\n`
    running.write(bad)
    await running.hangUp(/"problems":\[.*"msg":"not reloaded: the settings stay as they are"/)
    expect(await running.status('/v1/models', 'alice')).toBe(200)
    expect(await running.status('/v1/models', 'bob')).toBe(401)

    const line = running.keystow
      .stdout()
      .split('\n')
      .find((text) => text.includes('not reloaded'))
    const { problems }: { problems: string[] } = JSON.parse(line ?? '')
    const env = {
      KEYSTOW_CONFIG: join(running.folder, 'keystow.yaml'),
      UPSTREAM_API_KEY: 'hk-test',
    }
    const check = startProcess({ env, args: ['--check'] })
    await check.exited
    const atStart = check.stderr().trim().split('\n').slice(1)
    expect(problems).toEqual(atStart.map((text) => text.trim()))

    running.write(ALICE + clientYaml('bob'))
    await running.hangUp(RELOADED)
    expect(await running.status('/v1/models', 'bob')).toBe(200)
  })

  it('changes nothing when it is gone', async () => {
    const running = await start(ALICE)
    rmSync(join(running.folder, 'keystow.yaml'))
    await running.hangUp(/KEYSTOW_CONFIG: the file does not exist.*"not reloaded/)
    expect(await running.status('/v1/models', 'alice')).toBe(200)
  })
})

describe('what runs', () => {
  it('sees the settings of one moment, however often they change', async () => {
    const token = { authorization: 'Bearer ks-test-alice' }
    const running = await start(ALICE)
    const answers = new Map<string, number>()
    const over = new AbortController()
    async function ask(path: string): Promise<void> {
      while (!over.signal.aborted) {
        const response = await running.fetch(path, undefined, { headers: token })
        await response.text()
        const answer = `${path} ${response.status}`
        answers.set(answer, (answers.get(answer) ?? 0) + 1)
      }
    }
    const paths = ['/v1/models', '/suno/feed', '/v1/files']
    const countOf = (path: string): number =>
      [...answers].reduce((sum, [key, count]) => (key.startsWith(path) ? sum + count : sum), 0)
    const asking = paths.map(ask)
    // What opens the paths lets the client use them too: half of a policy would answer 403 on the family's.
    const open = `clients:\n${clientYaml('alice', ', rateLimitPerMinute: 0, paths: [/suno, /v1]')}openPaths: [/v1/files]\nroutes: { suno: { prefix: /suno } }\n`
    const shut = `clients:\n${clientYaml('alice', ', rateLimitPerMinute: 0, paths: [/v1]')}`
    for (let round = 0; round < 10; round++) {
      running.write(round % 2 === 0 ? open : shut)
      await running.hangUp(/"reason":"SIGHUP"/)
      // However slow the machine is, each path is asked under each of them.
      const asked = paths.map(countOf)
      await expect
        .poll(() => paths.every((path, index) => countOf(path) > (asked[index] ?? 0) + 1), {
          timeout: 20_000,
        })
        .toBe(true)
    }
    over.abort()
    await Promise.all(asking)
    expect([...answers.keys()].toSorted()).toEqual([
      '/suno/feed 200',
      '/suno/feed 404',
      '/v1/files 200',
      '/v1/files 403',
      '/v1/models 200',
    ])
  })

  it('goes on as it began, though its client was taken out', async () => {
    const streams: ServerResponse[] = []
    const running = await start(ALICE, {
      handler(_request, response) {
        response.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: {"a":1}\n\n')
        streams.push(response)
      },
    })
    const response = await running.fetch('/v1/chat/completions', 'alice', { method: 'POST' })
    running.write(`clients:\n${clientYaml('bob')}`)
    await running.hangUp(RELOADED)
    expect(await running.status('/v1/models', 'alice')).toBe(401)
    streams[0]?.end('data: {"a":2}\n\ndata: [DONE]\n\n')
    expect(await response.text()).toBe('data: {"a":1}\n\ndata: {"a":2}\n\ndata: [DONE]\n\n')
    await running.waitForNext(/"status":200,"client":"alice".*"ending":"completed"/)
  })
})

describe('a key', () => {
  it('is not led to another origin by a reload', async () => {
    const other = await startUpstream(echo)
    const elsewhere = await startUpstream(echo)
    const routeTo = ({ origin }: Upstream): string =>
      `${ALICE}routes: { x: { prefix: /x, upstream: '${origin}', credentialEnv: X_KEY } }\n`
    const running = await start(routeTo(other), { env: { X_KEY: 'hk-test-of-another-origin' } })
    expect(await running.status('/x/1', 'alice')).toBe(200)
    running.write(routeTo(elsewhere))
    await running.hangUp(/routes\.x: would send a key of another origin.*"not reloaded/)
    expect(await running.status('/x/2', 'alice')).toBe(200)
    expect(other.received).toHaveLength(2)
    expect(elsewhere.received).toHaveLength(0)
    expect(running.keystow.stdout()).not.toContain('hk-test-of')
    expect(running.keystow.stdout()).not.toContain(TEST_CREDENTIAL)
  })
})
