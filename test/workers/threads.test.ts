import { lookup } from 'node:dns/promises'
import { once } from 'node:events'
import { createServer } from 'node:net'

import { describe, expect, it, onTestFinished } from 'vitest'

import { urlHost } from '../../src/http/url-host.ts'
import { createSqliteLedgerStore } from '../../src/stores/sqlite-ledger/store.ts'
import { createFolder } from '../helpers/folder.ts'
import { TEST_CREDENTIAL, TEST_TOKEN } from '../helpers/gateway.ts'
import { readEntries } from '../helpers/ledger.ts'
import { startProcess } from '../helpers/process.ts'
import { ADMIN_TOKEN, startThreads, THREADS, times, workersOf } from '../helpers/threads.ts'
import { startUpstream } from '../helpers/upstream.ts'

/** The machine may have other things to do. */
const PATIENT = { timeout: 10_000 }

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
    const { keystow, call } = await startThreads(upstream.origin)
    await times(64, () => call())
    expect(workersOf(keystow)).toEqual(new Set([0, 1]))
  })

  it('serve every address of localhost', async () => {
    const upstream = await startUpstream((_, response) => response.end('{}'))
    const more = new URL('../helpers/more-of-localhost.ts', import.meta.url)
    const { keystow, call } = await startThreads(upstream.origin, {
      HOST: 'localhost',
      NODE_OPTIONS: `--import ${more.href}`,
    })
    const hosts = (await addressesOfLocalhost()).map(urlHost)
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

  it('answer with the metrics of all of them', async () => {
    const upstream = await startUpstream((_, response) => response.end('{}'))
    const { call } = await startThreads(upstream.origin)
    await times(40, () => call())
    const answer = await call('/metrics', { headers: { authorization: `Bearer ${ADMIN_TOKEN}` } })
    const text = await answer.text()
    expect(text).toContain('keystow_requests_total{route="v1",status="200"} 40\n')
    expect(text).toContain('keystow_ledger_entries_total{kind="exact",ending="completed"} 40\n')
    // Of the one ledger, not of each thread's view of it.
    expect(text).toContain('keystow_ledger_ready 1\n')
    expect(text).toContain('keystow_limit_store_ready 1\n')
  })

  it('drain together, and end with 0 and all of their entries', async () => {
    const upstream = await startUpstream((_, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: {"a":1}\n\n')
      setTimeout(() => response.end('data: [DONE]\n\n'), 500)
    })
    const folder = createFolder()
    const { keystow, call } = await startThreads(upstream.origin, { DATA_DIR: folder })
    const streams = await times(16, () =>
      call('/v1/chat/completions', { method: 'POST', body: '{}' }),
    )
    keystow.child.kill('SIGTERM')
    const bodies = await Promise.all(streams.map((stream) => stream.text()))
    expect(bodies.every((body) => body.endsWith('data: [DONE]\n\n'))).toBe(true)
    expect(await keystow.exited).toBe(0)

    const ledger = createSqliteLedgerStore({
      folder,
      timeZone: 'UTC',
      retentionDays: 1,
      onNotice() {},
    })
    onTestFinished(() => ledger.close())
    const entries = await readEntries({ ledger }, streams.length)
    expect(new Set(entries.map(({ ending }) => ending))).toEqual(new Set(['completed']))
  })

  it('take up new settings together', async () => {
    const upstream = await startUpstream((_, response) => response.end('{}'))
    const { keystow } = await startThreads(upstream.origin)
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
