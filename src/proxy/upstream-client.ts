import { Client, type Dispatcher } from 'undici'

import { type ConnectionOptions, connectionOptions } from './upstream-connection.ts'

/** Sends requests over connections that are kept; each has one request at a time. */
export interface UpstreamClient extends Pick<Dispatcher, 'dispatch'> {
  /** Ends every connection, and with it whatever runs. */
  destroy(): Promise<void>
}

interface UpstreamClientOptions extends ConnectionOptions {
  /** The most to one origin. */
  readonly connections: number
}

/** The connections to one origin. */
interface Line {
  /** Read once: each connection would keep its own. */
  readonly origin: URL
  readonly open: Set<Connection>
  /** The one that was used last is used next, so that those which are not needed come to their end. */
  readonly free: Connection[]
  /** Who waits for a connection that is about to be free, or gone. */
  readonly waiting: Request[]
}

interface Connection {
  readonly client: Client
  isFree: boolean
}

interface Request {
  readonly options: Dispatcher.DispatchOptions
  readonly handler: Dispatcher.DispatchHandler
}

/**
 * In place of undici's `Pool`, which looks for a free connection from the first of them on with each request, and keeps
 * what it knows of every connection there ever was: with thousands of streams open, both are felt.
 */
export function createUpstreamClient({
  connections,
  ...rest
}: UpstreamClientOptions): UpstreamClient {
  const options = connectionOptions(rest)
  const lines = new Map<string, Line>()
  let isDestroyed = false

  function lineOf(origin: string): Line {
    let line = lines.get(origin)
    if (line === undefined) {
      line = { origin: new URL(origin), open: new Set(), free: [], waiting: [] }
      lines.set(origin, line)
    }
    return line
  }

  function connect(line: Line): Connection {
    const client = new Client(line.origin, options)
    const connection: Connection = { client, isFree: false }
    line.open.add(connection)
    client.on('drain', () => pass(line, connection))
    client.on('disconnect', () => {
      if (!connection.isFree) return
      line.free.splice(line.free.indexOf(connection), 1)
      drop(line, connection)
    })
    // Where the certificate is for another name, undici forgets that the request is over, and no drain follows.
    client.on('connectionError', () => drop(line, connection))
    return connection
  }

  /** It has no request any more: the next one, if there is one. */
  function pass(line: Line, connection: Connection): void {
    if (connection.isFree || !line.open.has(connection)) return
    const { connected, size } = connection.client.stats
    // The drain is of a request before this one.
    if (size > 0) return
    if (!connected) return drop(line, connection)
    const next = line.waiting.shift()
    if (next !== undefined) return send(line, connection, next)
    connection.isFree = true
    line.free.push(connection)
  }

  function drop(line: Line, connection: Connection): void {
    if (!line.open.delete(connection)) return
    void connection.client.destroy()
    const next = line.waiting.shift()
    if (next !== undefined) begin(line, next)
  }

  function send(line: Line, connection: Connection, { options, handler }: Request): void {
    connection.isFree = false
    const { client } = connection
    try {
      client.dispatch(options, handler)
    } finally {
      // It was refused, and nothing will be heard of it.
      if (client.stats.size === 0) pass(line, connection)
    }
  }

  function begin(line: Line, request: Request): void {
    const connection = connect(line)
    // Whoever comes too late is told so by one that has ended.
    if (isDestroyed) void connection.client.destroy()
    send(line, connection, request)
  }

  async function end(line: Line): Promise<void> {
    const clients = [...line.open].map(({ client }) => client)
    await Promise.all(clients.map((client) => client.destroy()))
    for (const request of line.waiting.splice(0)) begin(line, request)
  }

  return {
    dispatch(options, handler) {
      const line = lineOf(String(options.origin))
      const request = { options, handler }
      const free = line.free.pop()
      if (free !== undefined) send(line, free, request)
      else if (isDestroyed || line.open.size < connections) begin(line, request)
      else line.waiting.push(request)
      return true
    },
    async destroy() {
      isDestroyed = true
      await Promise.all([...lines.values()].map(end))
    },
  }
}
