import { request } from 'node:http'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { describe, expect, it } from 'vitest'

import { createFolder } from '../helpers/folder.ts'
import { type Gateway, startGateway } from '../helpers/gateway.ts'
import { findProgram } from '../helpers/programs.ts'
import { runProgram } from '../helpers/run-program.ts'
import { startUpstream } from '../helpers/upstream.ts'

// A body larger than what the kernels keep is still on its way when its request is refused. A server that answers and
// closes has the rest answered with a reset, and a reset takes the answer from the client, now and then: it sees a
// broken pipe, tries again, and sends all of it once more. Each refusal is read, by every kind of client, every time.

const MIB = 1024 * 1024
const TIMES = 30
const SMALL = Buffer.alloc(5 * MIB, 'x')
const LARGE = Buffer.alloc(48 * MIB, 'x')

interface Upload {
  readonly url: string
  readonly token: string
  readonly body: Buffer
  readonly isChunked: boolean
}

type Send = (upload: Upload) => Promise<number>

const headersOf = ({ token }: Upload) => ({
  authorization: `Bearer ${token}`,
  'content-type': 'audio/mpeg',
})

const byFetch: Send = async (upload) => {
  const { url, body, isChunked } = upload
  const sent = isChunked ? new Blob([new Uint8Array(body)]).stream() : new Uint8Array(body)
  const headers = headersOf(upload)
  const init = { method: 'POST', headers, body: sent, duplex: 'half' } as const
  const response = await fetch(url, init)
  await response.text()
  return response.status
}

const byNodeHttp: Send = (upload) =>
  new Promise((resolve, reject) => {
    const { url, body, isChunked } = upload
    const length = isChunked ? {} : { 'content-length': String(body.length) }
    const options = { method: 'POST', headers: { ...headersOf(upload), ...length } }
    const message = request(url, options, (response) => {
      response.on('error', reject).on('end', () => resolve(response.statusCode ?? 0))
      response.resume()
    })
    message.on('error', reject)
    message.write(body.subarray(0, MIB))
    message.end(body.subarray(MIB))
  })

/** Everything that came of it, each once. */
async function sendAll(send: Send, upload: Upload): Promise<(number | string)[]> {
  const outcomes = new Set<number | string>()
  for (let i = 0; i < TIMES; i++) {
    outcomes.add(await send(upload).catch((error: unknown) => String(error)))
  }
  return [...outcomes]
}

const REFUSALS = [
  { status: 413, path: '/v1/audio/transcriptions' },
  { status: 401, path: '/v1/audio/transcriptions', token: 'wrong' },
  { status: 429, path: '/v1/audio/transcriptions', env: { RATE_LIMIT_PER_MINUTE: '1' } },
  { status: 404, path: '/nope' },
  { status: 403, path: '/v1/files' },
] as const

async function start(env: Readonly<Record<string, string>> = {}): Promise<Gateway> {
  const upstream = await startUpstream((_request, response) => response.end('{}'))
  return startGateway({
    upstream: upstream.origin,
    env: { BODY_LIMIT_MB: '1', AUTH_FAILURE_LIMIT_PER_MINUTE: '1000', ...env },
  })
}

async function refuseAll(
  send: Send,
  refusal: (typeof REFUSALS)[number],
  body: { readonly body: Buffer; readonly isChunked: boolean },
): Promise<(number | string)[]> {
  const gateway = await start('env' in refusal ? refusal.env : {})
  if (refusal.status === 429) await (await gateway.fetch('/v1/models')).text()
  const token = 'token' in refusal ? refusal.token : gateway.token
  const upload = { url: gateway.origin + refusal.path, token, ...body }
  return sendAll(send, upload)
}

describe.each(REFUSALS)('$status on $path', (refusal) => {
  it.each([
    ['fetch', byFetch, false],
    ['node:http, in chunks', byNodeHttp, true],
  ])('reaches %s while it sends 5 MB, every time', async (_how, send, isChunked) => {
    const outcomes = await refuseAll(send, refusal, { body: SMALL, isChunked })
    expect(outcomes).toEqual([refusal.status])
  })
})

describe('413', () => {
  it.each([
    ['fetch', byFetch, false],
    ['fetch, in chunks', byFetch, true],
    ['node:http', byNodeHttp, false],
    ['node:http, in chunks', byNodeHttp, true],
  ])('reaches %s while it sends 48 MB, every time', async (_how, send, isChunked) => {
    const outcomes = await refuseAll(send, REFUSALS[0], { body: LARGE, isChunked })
    expect(outcomes).toEqual([413])
  })
})

const curl = findProgram('curl')

describe.skipIf(curl === undefined)('curl', () => {
  it.each([
    ['with a length', []],
    ['in chunks', ['-H', 'transfer-encoding: chunked']],
  ])('reads 413 while it sends 48 MB %s, every time', async (_how, args) => {
    const gateway = await start()
    const folder = createFolder()
    const file = join(folder, 'body')
    writeFileSync(file, LARGE)
    const url = `${gateway.origin}/v1/audio/transcriptions`
    const headers = [
      '-H',
      `authorization: Bearer ${gateway.token}`,
      '-H',
      'content-type: audio/mpeg',
    ]
    // Without the word to go on, which curl would wait for.
    const all = [
      '-sS',
      '-o',
      '-',
      '-H',
      'expect:',
      ...headers,
      ...args,
      '-T',
      file,
      '-X',
      'POST',
      url,
    ]
    for (let i = 0; i < TIMES; i++) {
      const { stdout } = await runProgram(curl ?? 'curl', all, { cwd: folder })
      expect(stdout).toContain('"code":"request_too_large"')
    }
  })
})
