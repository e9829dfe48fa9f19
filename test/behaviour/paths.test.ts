import { describe, expect, it } from 'vitest'

import { type Gateway, startGateway, TEST_TOKEN } from '../helpers/gateway.ts'
import { echo, startUpstream } from '../helpers/upstream.ts'

async function start(yaml?: string): Promise<{ gateway: Gateway; urls: () => string[] }> {
  const upstream = await startUpstream(echo)
  const gateway = await startGateway({
    upstream: upstream.origin,
    ...(yaml !== undefined && { yaml }),
  })
  return { gateway, urls: () => upstream.received.map(({ message }) => message.url ?? '') }
}

/** Sends a path as it is; `fetch` would tidy it up. */
function requestRaw(gateway: Gateway, target: string, method = 'GET'): Promise<number> {
  const socket = gateway.connect()
  socket.write(
    `${method} ${target} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${TEST_TOKEN}\r\nconnection: close\r\n\r\n`,
  )
  return new Promise((resolve) => {
    let answer = ''
    socket.on('data', (chunk: Buffer) => (answer += chunk.toString('latin1')))
    socket.on('close', () => resolve(Number(answer.slice(9, 12))))
  })
}

describe('base URLs', () => {
  it.each([
    ['/v1/chat/completions', '/v1/chat/completions'],
    ['//v1/chat/completions', '/v1/chat/completions'],
    ['/v1//chat/completions', '/v1/chat/completions'],
    ['/v1/v1/chat/completions', '/v1/chat/completions'],
    ['/v1/v1/audio/transcriptions', '/v1/audio/transcriptions'],
    ['/chat/completions', '/v1/chat/completions'],
    ['//chat/completions', '/v1/chat/completions'],
    ['/v1/chat/completions/', '/v1/chat/completions'],
    ['/models?x=1&y=a%20b', '/v1/models?x=1&y=a%20b'],
    ['/v1/mj/submit/imagine', '/mj/submit/imagine'],
    ['/mj-fast/mj/submit/imagine', '/mj-fast/mj/submit/imagine'],
    ['/fast/mj/task/1/fetch', '/fast/mj/task/1/fetch'],
    ['/suno/generate/lyrics/', '/suno/generate/lyrics/'],
    ['/suno//generate/lyrics/', '/suno/generate/lyrics/'],
    ['/suno/', '/suno'],
    ['/v1/models/gpt%2D4', '/v1/models/gpt-4'],
    ['/v1/models/a%3ab', '/v1/models/a%3Ab'],
  ])('%s reaches the upstream as %s', async (target, path) => {
    // What is no base URL of the API keeps the slash at its end: an upstream may redirect whoever leaves it out.
    const { gateway, urls } = await start('routes:\n  suno:\n    prefix: /suno\n')
    expect(await requestRaw(gateway, target, 'POST')).toBe(200)
    expect(urls()).toEqual([path])
  })
})

describe('paths that could climb', () => {
  it.each([
    '/v1/../admin',
    '/v1/%2e%2e/admin',
    '/v1/%2E%2e/admin',
    '/v1/./x',
    '/v1/..;/admin',
    '/v1/a..b',
    '/v1/models/x%2e%2e',
    '/v1/...',
    '/v1/..%2fadmin',
    '/v1/..%5cadmin',
    '/v1/..\\admin',
    '/v1/%252e%252e/admin',
    '/v1/%2f%2fhost',
    '/v1/%00',
    '/v1/%0d%0ax',
    '/v1/a//b//c',
    '///v1/models',
    '/v1/%zz',
    '/v1/%c0%ae%c0%ae/x',
    '/v1/x#/../y',
    '/v1/models?x#y',
    'http://evil.example/v1/models',
    'v1/models',
    '*',
  ])('%s is answered 400 and not sent on', async (target) => {
    const { gateway, urls } = await start()
    expect(await requestRaw(gateway, target)).toBe(400)
    expect(urls()).toEqual([])
  })

  it('are not let out of a family by letter case', async () => {
    const { gateway, urls } = await start()
    expect(await requestRaw(gateway, '/V1/models')).toBe(404)
    expect(urls()).toEqual([])
  })
})

describe('closed paths', () => {
  it.each([
    ['GET', '/v1/organization/costs'],
    ['GET', '/v1/organizations'],
    ['GET', '/v1/files'],
    ['POST', '/v1/files'],
    ['GET', '/v1/Files/abc'],
    ['GET', '/v1/%66iles'],
    ['GET', '/files'],
    ['POST', '/v1/batches'],
    ['GET', '/v1/fine_tuning/jobs'],
    ['GET', '/v1/vector_stores'],
    ['GET', '/v1/assistants'],
    ['GET', '/v1/threads/1'],
    ['POST', '/openai/sk/log'],
    ['GET', '/v1/responses/resp_1'],
    ['DELETE', '/v1/responses/resp_1'],
    ['GET', '/v1/chat/completions'],
    ['GET', '/v1/chat/completions/1'],
    ['DELETE', '/v1/models/ft-1'],
    ['POST', '/v1/realtime/client_secrets'],
    ['GET', '/v1/dashboard/billing/credit_grants'],
    ['POST', '/v1/dashboard/billing/usage'],
    ['GET', '/v1/dashboard/Billing/usage'],
    ['POST', '/v1/filesystem'],
    ['GET', '/v1/fine_tunes'],
    ['GET', '/v1/usage'],
    ['GET', '/v1/me'],
    ['GET', '/v1/users/u1'],
    ['GET', '/v1/projects/p1/roles'],
    ['GET', '/v1/skills'],
    ['GET', '/v1/prompts'],
    ['GET', '/v1/agents/sessions'],
    ['GET', '/v1/vaults/v1/credentials'],
    ['GET', '/v1/webhook_endpoints'],
    ['GET', '/v1/safety/alerts/1'],
    ['GET', '/v1/audio/voice_consents'],
    ['DELETE', '/v1/audio/voices/1'],
    ['POST', '/v1/realtime/calls/1/hangup'],
    ['POST', '/v1/live/sessions/1/accept'],
    ['DELETE', '/v1/videos/video_1'],
    ['GET', '/v1/subscription'],
    ['GET', '/mj/task/list'],
    ['GET', '/fast/mj/task/queue'],
    ['GET', '/mj-relax/mj/account/list'],
  ])('%s %s is answered 403 with the setting that opens it', async (method, path) => {
    const { gateway, urls } = await start()
    const response = await gateway.fetch(path, { method })
    expect(response.status).toBe(403)
    expect(await response.json()).toMatchObject({
      error: {
        code: 'not_allowed',
        message: expect.stringMatching(new RegExp(`^${method} /\\S+ is closed: .*openPaths: \\[/`)),
      },
    })
    expect(urls()).toEqual([])
  })

  it.each([
    ['POST', '/v1/responses'],
    ['POST', '/v1/chat/completions'],
    ['GET', '/v1/models/gpt-4'],
    ['GET', '/v1/videos/video_1'],
    ['POST', '/v1/videos'],
    ['POST', '/v1/videos/video_1/remix'],
    ['POST', '/v1/realtime/calls'],
    ['POST', '/v1/audio/speech'],
    ['POST', '/v1/messages'],
    ['POST', '/v1/upload'],
    ['POST', '/v1/tokenize'],
    ['POST', '/v1/responses/compact'],
    ['POST', '/v1/responses/input_tokens'],
    ['GET', '/mj/task/1/fetch'],
    ['POST', '/mj/task/list-by-condition'],
  ])('do not take %s %s with them', async (method, path) => {
    const { gateway } = await start()
    expect((await gateway.fetch(path, { method })).status).toBe(200)
  })

  it.each([
    '/v1/files%20',
    '/v1/files%C2%A0',
    '/v1/%20files',
    '/v1/files;a=b',
    '/v1/files;a=b/x',
    '/v1/files%3Ba=b',
    '/v1/files%20;a=b',
    '/v1/files.',
    '/v1/files.;/x',
    '/v1//files',
    '/v1/files/',
    '/v1/;/files',
    '/v1/%20/files',
    '/v1/FiLeS',
    '/v1/%46iles',
    '/v1/me%20',
    '/v1/me;a',
    '/v1/me.',
    '/v1/Me',
    '/v1/responses/a%20',
    '/v1/responses;a/b',
    '/openai/sk/log%20',
    '/openai/sk/;a/log',
  ])('are closed in any other spelling: %s', async (target) => {
    const { gateway, urls } = await start()
    expect(await requestRaw(gateway, target)).toBe(403)
    expect(await requestRaw(gateway, target, 'POST')).toBe(403)
    expect(urls()).toEqual([])
  })

  it('are opened by openPaths', async () => {
    const { gateway, urls } = await start('openPaths: [/v1/files, /openai/sk]')
    expect((await gateway.fetch('/v1/files/abc')).status).toBe(200)
    expect((await gateway.fetch('/openai/sk/log', { method: 'POST' })).status).toBe(200)
    expect((await gateway.fetch('/v1/batches')).status).toBe(403)
    expect(urls()).toEqual(['/v1/files/abc', '/openai/sk/log'])
  })

  it.each([
    ['/v1/organizations', '/v1/organization'],
    ['/v1/organization/costs', '/v1/organization'],
    ['/v1/files;v=1', '/v1/files'],
    ['/v1/filesystem', '/v1/files'],
    ['/fast/mj/task/list', '/mj/task'],
    ['/v1/responses/resp_1', '/v1/responses'],
  ])('(%s) are opened by the entry that their refusal names', async (path, entry) => {
    const closed = await start()
    expect(await (await closed.gateway.fetch(path)).text()).toContain(`openPaths: [${entry}]`)
    const { gateway, urls } = await start(`openPaths: [${entry}]`)
    expect((await gateway.fetch(path)).status).toBe(200)
    expect(urls()).toEqual([path])
  })
})

describe('the billing paths', () => {
  it.each(['/v1/dashboard/billing', '/dashboard/billing', '/v1/v1/dashboard/billing'])(
    'are answered here under %s and never sent on',
    async (prefix) => {
      const { gateway, urls } = await start()
      const subscription = await gateway.fetch(`${prefix}/subscription`)
      expect(await subscription.json()).toMatchObject({ hard_limit_usd: expect.any(Number) })
      const usage = await gateway.fetch(`${prefix}/usage?start_date=2026-11-01&end_date=2026-11-30`)
      expect(await usage.json()).toMatchObject({ object: 'list', total_usage: expect.any(Number) })
      expect(urls()).toEqual([])
    },
  )

  it('need a token', async () => {
    const { gateway } = await start()
    expect((await fetch(`${gateway.origin}/dashboard/billing/usage`)).status).toBe(401)
  })
})

describe('families of the YAML', () => {
  it('are forwarded with the header and template they name', async () => {
    const upstream = await startUpstream(echo)
    const yaml = `routes:\n  suno: { prefix: [/suno, /pro/suno], header: X-Suno-Key, template: 'Key {credential}' }\n`
    const gateway = await startGateway({ upstream: upstream.origin, yaml })
    expect((await gateway.fetch('/pro/suno/feed/1')).status).toBe(200)
    expect((await gateway.fetch('/v1/suno/feed/1')).status).toBe(200)
    const [request] = upstream.received
    expect(request?.message.headers['x-suno-key']).toMatch(/^Key hk-test-/)
    expect(request?.message.headers.authorization).toBeUndefined()
  })

  it('keep each credential to its own origin', async () => {
    const main = await startUpstream(echo)
    const other = await startUpstream(echo)
    const yaml = `routes:\n  suno: { prefix: /suno, upstream: '${other.origin}', credentialEnv: SUNO_API_KEY }\n`
    const env = { SUNO_API_KEY: 'hk-test-suno-credential' }
    const gateway = await startGateway({ upstream: main.origin, yaml, env })
    await gateway.fetch('/suno/generate', { method: 'POST' })
    await gateway.fetch('/v1/models')
    expect(other.received[0]?.message.headers.authorization).toBe('Bearer hk-test-suno-credential')
    expect(main.received).toHaveLength(1)
    expect(main.received[0]?.message.headers.authorization).not.toContain('suno')
  })

  it('are unknown until they are named', async () => {
    const { gateway, urls } = await start()
    expect((await gateway.fetch('/suno/generate', { method: 'POST' })).status).toBe(404)
    expect(urls()).toEqual([])
  })
})
