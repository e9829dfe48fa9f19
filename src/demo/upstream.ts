import { once } from 'node:events'
import { createServer as createHttpServer, type RequestListener, type Server } from 'node:http'
import { createServer as createHttpsServer } from 'node:https'

import { urlHost } from '../http/url-host.ts'
import { answerRequest } from './answer-request.ts'
import { type BillEntry, createBill } from './bill.ts'
import { createExchange, type ReceivedRequest } from './exchange.ts'
import { createRoutes } from './routes.ts'
import { watchSockets } from './sockets.ts'

export type { BillEntry, ReceivedRequest }

export interface DemoUpstreamOptions {
  /** Every other key is answered 401. */
  readonly credential: string
  /** Taken as well, as a provider takes both while a new key replaces the old one. */
  readonly otherCredentials?: readonly string[]
  readonly host?: string
  readonly port?: number
  /** Between the events of a stream, for models whose name says nothing else. */
  readonly paceMs?: number
  /** PEM; serves https when given. */
  readonly tls?: { readonly key: string; readonly cert: string }
}

export interface DemoUpstream {
  /** `http://127.0.0.1:PORT` */
  readonly origin: string
  readonly port: number
  /** The newest thousand requests, oldest first, from the moment their headers are in. */
  readonly received: ReceivedRequest[]
  /** Answers that have not ended. */
  open(): number
  /** What was generated, as the provider would bill it: the newest twenty thousand entries. */
  bill(): BillEntry[]
  /** Destroys every connection. */
  close(): Promise<void>
}

const DEFAULT_HOST = '127.0.0.1'
const DEFAULT_PACE_MS = 30
const MAX_RECEIVED = 1000
/** Longer than a client's pool keeps a connection, so that reuse does not race with its end. */
const KEEP_ALIVE_TIMEOUT_MS = 60_000

/** Starts an OpenAI-compatible server whose model names choose what it does; see docs/demo-upstream.md. */
export async function startDemoUpstream(options: DemoUpstreamOptions): Promise<DemoUpstream> {
  const {
    credential,
    otherCredentials = [],
    host = DEFAULT_HOST,
    paceMs = DEFAULT_PACE_MS,
  } = options
  const received: ReceivedRequest[] = []
  const bill = createBill()
  const credentials = [credential, ...otherCredentials]
  const service = { credentials, paceMs, bill, routes: createRoutes(bill) }
  let open = 0

  const server = createServer(options, (request, response) => {
    const { remotePort } = request.socket
    const reset = (): void => sockets.reset(remotePort)
    const exchange = createExchange({ request, response, reset })
    received.push(exchange.received)
    if (received.length > MAX_RECEIVED) received.shift()
    open++
    response.once('close', () => open--)
    void answerRequest(exchange, service)
  })
  server.keepAliveTimeout = KEEP_ALIVE_TIMEOUT_MS
  const sockets = watchSockets(server)

  server.listen(options.port ?? 0, host)
  await once(server, 'listening')
  const port = readPort(server)
  const scheme = options.tls === undefined ? 'http' : 'https'
  return {
    origin: `${scheme}://${urlHost(host)}:${port}`,
    port,
    received,
    open: () => open,
    bill: () => bill.list(),
    async close() {
      const closed = once(server, 'close')
      server.close()
      sockets.destroyAll()
      await closed
    },
  }
}

function createServer({ tls }: DemoUpstreamOptions, listener: RequestListener): Server {
  return tls === undefined ? createHttpServer(listener) : createHttpsServer(tls, listener)
}

function readPort(server: Server): number {
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('not listening on a port')
  return address.port
}
