import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { buildApp } from '../app.ts'
import { createClientToken } from '../clients/client-token.ts'
import { parseConfig } from '../config/load.ts'
import { startDemoUpstream } from '../demo/upstream.ts'
import { createServices } from '../services.ts'
import { onStopRequests } from './stop-signals.ts'

/** The built-in upstream's credential; it opens nothing else in the world. */
const DEMO_CREDENTIAL = 'hk-demo-credential-of-the-built-in-upstream'

const PACE_MS = 40

const upstream = await startDemoUpstream({ credential: DEMO_CREDENTIAL, paceMs: PACE_MS })
const token = createClientToken()
const dataDir = mkdtempSync(join(tmpdir(), 'keystow-demo-'))
process.once('exit', () => rmSync(dataDir, { recursive: true, force: true }))
const { config, problems } = parseConfig({
  HOST: process.env['HOST'],
  PORT: process.env['PORT'],
  LOG_LEVEL: process.env['LOG_LEVEL'] ?? 'warn',
  UPSTREAM_URL: upstream.origin,
  UPSTREAM_API_KEY: DEMO_CREDENTIAL,
  CLIENT_TOKENS: `demo:${token}`,
  ALLOWED_ORIGINS: '*',
  DATA_DIR: dataDir,
})
if (config === undefined) {
  process.stderr.write(`${problems.join('\n')}\n`)
  process.exit(78)
}

const services = createServices(config)
const app = await buildApp(config, services)
const url = await listen(config.host, config.port)

process.stdout.write(`
Keystow runs in front of its built-in upstream, whose key no client sees.

  URL:           ${url}
  base URL:      ${url}/v1
  client token:  ${token}

Paste this into another terminal; the answer streams:

curl -N ${url}/v1/chat/completions -H 'Authorization: Bearer ${token}' -H 'Content-Type: application/json' -d '{"model":"gpt-4o-mini","stream":true,"messages":[{"role":"user","content":"你好 👋 What is a proxy?"}]}'

Ctrl-C ends both.
`)

let isStopping = false
onStopRequests(() => {
  if (isStopping) process.exit(1)
  isStopping = true
  void stop().then(() => process.exit(0))
})

async function stop(): Promise<void> {
  await services.drain.start(config?.drainTimeoutMs ?? 0)
  await app.close()
  await Promise.all([services.close(), upstream.close()])
}

/** On the usual port, or on any free one when something else has it and none was asked for. */
async function listen(host: string, port: number): Promise<string> {
  try {
    return await app.listen({ host, port })
  } catch (error) {
    const isTaken = error instanceof Error && 'code' in error && error.code === 'EADDRINUSE'
    if (!isTaken || process.env['PORT'] !== undefined) throw error
    return app.listen({ host, port: 0 })
  }
}
