import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { buildApp } from '../app.ts'
import { createClientToken } from '../clients/client-token.ts'
import type { Config } from '../config/config.ts'
import { parseConfig } from '../config/load.ts'
import type { Environment } from '../config/secret-sources.ts'
import { startDemoUpstream } from '../demo/upstream.ts'
import { describeListenProblem } from '../listen-problem.ts'
import { openLogDestination } from '../log-destination.ts'
import { createServices } from '../services.ts'
import { codeOf } from '../thrown.ts'
import { readArguments } from './arguments.ts'
import { EXIT_CONFIG } from './exit-codes.ts'
import { onStopRequests } from './stop-signals.ts'

const USAGE = `npm run demo

Serves in front of a built-in upstream, until Ctrl-C, with a client token made for this run.

Settings come from the environment (PORT, RATE_LIMIT_PER_MINUTE, BUDGET_PER_DAY and so on), not from .env or the YAML.
The demo has an upstream, key, client token and DATA_DIR of its own, one event loop and no Redis. Unless they are set,
ALLOWED_ORIGINS is * and LOG_LEVEL is warn.

  --help  prints this
`

/** The built-in upstream's credential; it opens nothing else in the world. */
const DEMO_CREDENTIAL = 'hk-demo-credential-of-the-built-in-upstream'

const PACE_MS = 40

readArguments({ usage: USAGE, options: {} })
const upstream = await startDemoUpstream({ credential: DEMO_CREDENTIAL, paceMs: PACE_MS })
const token = createClientToken()
const dataDir = mkdtempSync(join(tmpdir(), 'keystow-demo-'))
process.once('exit', () => rmSync(dataDir, { recursive: true, force: true }))
const config = readConfig(process.env)
const destination = await openLogDestination({
  isTerminal: false,
  onExit: (listener) => process.on('exit', listener),
})
const services = createServices(config, { destination })
const app = await buildApp(config, services)
const url = await listen(config)

let isStopping = false
onStopRequests(() => {
  if (isStopping) process.exit(1)
  isStopping = true
  void stop().then(() => process.exit(0))
})

process.stdout.write(`
Keystow runs in front of its built-in upstream, whose key no client sees.

  URL:           ${url}
  base URL:      ${url}/v1
  client token:  ${token}

Paste this into another terminal; the answer streams:

curl -N ${url}/v1/chat/completions -H 'Authorization: Bearer ${token}' -H 'Content-Type: application/json' -d '{"model":"gpt-4o-mini","stream":true,"messages":[{"role":"user","content":"你好 👋 What is a proxy?"}]}'

Ctrl-C ends both.
`)

function readConfig(env: Environment): Config {
  // Every page in the world and nobody's token are refused together, where others can reach the demo.
  const isOpen = env['OPEN_ACCESS'] === 'true'
  const set = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ''))
  const result = parseConfig({
    LOG_LEVEL: 'warn',
    ALLOWED_ORIGINS: isOpen ? '' : '*',
    ...set,
    UPSTREAM_URL: upstream.origin,
    UPSTREAM_API_KEY: DEMO_CREDENTIAL,
    UPSTREAM_API_KEY_FILE: '',
    CLIENT_TOKENS: `demo:${token}`,
    DATA_DIR: dataDir,
    REDIS_URL: '',
    WORKERS: '1',
  })
  return (
    result.config ??
    fail(EXIT_CONFIG, `The demo does not start:\n  ${result.problems.join('\n  ')}`)
  )
}

function fail(code: number, message: string): never {
  process.stderr.write(`${message}\n`)
  process.exit(code)
}

/** On the usual port, or on any free one when something else has it and none was asked for. */
async function listen({ host, port }: Config): Promise<string> {
  try {
    return await app.listen({ host, port })
  } catch (error) {
    const isTaken = codeOf(error) === 'EADDRINUSE'
    const isAsked = (process.env['PORT'] ?? '') !== ''
    if (isTaken && !isAsked) return app.listen({ host, port: 0 })
    return fail(1, `The demo ${describeListenProblem(error, { host, port })}`)
  }
}

async function stop(): Promise<void> {
  await services.drain.start(config.drainTimeoutMs)
  await app.close()
  await Promise.all([services.close(), upstream.close()])
}
