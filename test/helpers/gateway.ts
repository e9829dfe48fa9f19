import { connect, type Socket } from 'node:net'
import { Writable } from 'node:stream'

import { onTestFinished } from 'vitest'

import { buildApp } from '../../src/app.ts'
import { parseConfig } from '../../src/config/load.ts'
import type { Drain } from '../../src/drain.ts'
import type { Metrics } from '../../src/metrics.ts'
import { createServices, type Services } from '../../src/services.ts'
import type { LedgerStore } from '../../src/stores/ledger-store.ts'
import { TEST_CREDENTIAL, TEST_TOKEN } from './test-secrets.ts'
import { createFolder } from './folder.ts'
import { keepOutput } from './kept-output.ts'

export { TEST_CREDENTIAL, TEST_TOKEN }

export type LogLine = Readonly<Record<string, unknown>>

export interface Gateway {
  readonly origin: string
  readonly port: number
  readonly token: string
  readonly drain: Drain
  readonly metrics: Metrics
  readonly ledger: LedgerStore
  /** Everything logged so far, as text. */
  readonly log: () => string
  /** The log lines of requests so far. */
  readonly requestLines: () => LogLine[]
  /** Resolves with the first line about a request that the test accepts. */
  readonly waitForLine: (accept: (line: LogLine) => boolean) => Promise<LogLine>
  /** `fetch` with the client token. */
  fetch(path: string, init?: RequestInit): Promise<Response>
  /** A raw connection to it, closed with the test. */
  connect(): Socket
}

interface GatewayOptions {
  /** The upstream's origin. */
  readonly upstream: string
  readonly env?: Readonly<Record<string, string>>
  readonly yaml?: string
  /** Puts something else in place of a service, such as one that fails. */
  readonly replace?: (services: Services) => Partial<Services>
}

/** Starts the whole application on a free port, as the process would, until the test has ended. */
export async function startGateway(options: GatewayOptions): Promise<Gateway> {
  const { upstream, env = {}, yaml } = options
  const { config, problems } = parseConfig(
    {
      UPSTREAM_URL: upstream,
      UPSTREAM_API_KEY: TEST_CREDENTIAL,
      CLIENT_TOKENS: `alice:${TEST_TOKEN}`,
      RATE_LIMIT_PER_MINUTE: '0',
      PORT: '0',
      DATA_DIR: createFolder(),
      ...env,
    },
    yaml === undefined ? undefined : { name: 'keystow.yaml', text: yaml },
  )
  if (config === undefined) throw new Error(problems.join('\n'))

  const log = createLogSink()
  const made = createServices(config, { destination: log.stream })
  const services = { ...made, ...options.replace?.(made) }
  const { drain, metrics, ledger } = services
  if (!isWhole(ledger)) throw new Error("the ledger is another thread's")
  const app = await buildApp(config, services)
  const origin = await app.listen({ host: config.host, port: config.port })
  const port = Number(new URL(origin).port)
  const sockets: Socket[] = []
  onTestFinished(async () => {
    for (const socket of sockets) socket.destroy()
    await app.close()
    await services.close()
    keepOutput(log.text())
  })

  return {
    origin,
    port,
    token: TEST_TOKEN,
    drain,
    metrics,
    ledger,
    log: log.text,
    requestLines: log.requestLines,
    waitForLine: log.waitForLine,
    fetch: (path, init = {}) =>
      fetch(origin + path, {
        ...init,
        headers: { authorization: `Bearer ${TEST_TOKEN}`, ...headersOf(init) },
      }),
    connect() {
      const socket = connect(port, '127.0.0.1')
      socket.on('error', () => {})
      sockets.push(socket)
      return socket
    },
  }
}

const isWhole = (ledger: Services['ledger']): ledger is LedgerStore => 'entries' in ledger

const headersOf = (init: RequestInit): Record<string, string> =>
  Object.fromEntries(new Headers(init.headers).entries())

function createLogSink() {
  let written = ''
  const waiting = new Set<() => void>()
  const requestLines = (): LogLine[] =>
    written
      .split('\n')
      .filter((line) => line !== '')
      .map((line): LogLine => JSON.parse(line))
      .filter((line) => line['msg'] === 'request')
  return {
    text: () => written,
    requestLines,
    stream: new Writable({
      write(chunk: Buffer, _encoding, done) {
        written += chunk.toString()
        for (const look of waiting) look()
        done()
      },
    }),
    waitForLine: (accept: (line: LogLine) => boolean): Promise<LogLine> => {
      return new Promise((resolve) => {
        const look = (): void => {
          const line = requestLines().find(accept)
          if (line === undefined) return
          waiting.delete(look)
          resolve(line)
        }
        waiting.add(look)
        look()
      })
    },
  }
}
