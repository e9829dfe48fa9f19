import { createHash } from 'node:crypto'
import { createRequire } from 'node:module'

import type { createClient } from '@redis/client'

const require = createRequire(import.meta.url)

/**
 * A connection on which something waits and nothing is answered for so long is dead: requests wait for it. The
 * client's own timeout ends when a command is written, and its socket timeout begins anew with every write.
 */
const SILENCE_TIMEOUT_MS = 1000
const CONNECT_TIMEOUT_MS = 1000
const MAX_RECONNECT_DELAY_MS = 1000

/** How often it is asked for a sign of life: readiness must not wait for a request to find out. */
const PULSE_INTERVAL_MS = 2000

/** A connection that is made and says nothing is given up after this long. */
const HANDSHAKE_TIMEOUT_MS = 5000

export interface RedisConnectionOptions {
  readonly url: string
  /** Called with every change between answering and not, and with what went wrong. */
  readonly onStateChange: (isReady: boolean, error?: Error) => void
}

/** A Lua script, known to Redis by its digest once it was sent. */
export interface RedisScript {
  readonly text: string
  readonly digest: string
}

export type RedisClient = ReturnType<typeof makeClient>

export interface RedisConnection {
  isReady(): boolean
  /** Rejects at once while Redis is away, and soon when it does not answer; what it was sent it may have done. */
  send<T>(command: (client: RedisClient) => Promise<T>): Promise<T>
  run(script: RedisScript, keys: string[], args: string[]): Promise<unknown>
  close(): Promise<void>
}

export const redisScript = (text: string): RedisScript => ({
  text,
  digest: createHash('sha1').update(text).digest('hex'),
})

/**
 * Connects without waiting: while Redis is away every call rejects, and the connection is taken up again when it
 * is back.
 */
export function createRedisConnection(options: RedisConnectionOptions): RedisConnection {
  const { url, onStateChange } = options
  let lastError: Error | undefined
  let isClosed = false
  let answers = 0
  let handshake: NodeJS.Timeout | undefined
  let client = start()

  function start(): RedisClient {
    const started = makeClient(url)
    started.on('ready', () => {
      clearTimeout(handshake)
      if (client === started) onStateChange(true)
    })
    started.on('error', (error: Error) => {
      if (client === started) fail(error)
    })
    // Rejects only when it is closed while it still tries; never, when that is in the middle of a handshake.
    started.connect().catch(() => {})
    handshake = setTimeout(
      () => giveUp(started, new Error('Redis does not answer')),
      HANDSHAKE_TIMEOUT_MS,
    )
    handshake.unref()
    return started
  }

  function fail(error: Error): void {
    lastError = error
    onStateChange(false, error)
  }

  /** Everything that waits for it is rejected, and a new connection made. */
  function giveUp(dead: RedisClient, error: Error): void {
    if (client !== dead || isClosed) return
    clearTimeout(handshake)
    fail(error)
    client = start()
    dead.destroy()
  }

  function watchSilence(asked: RedisClient): NodeJS.Timeout {
    let seen = answers
    return setInterval(() => {
      // An event loop that was held up has answers to read before it may judge.
      setImmediate(() => {
        if (answers === seen) giveUp(asked, new Error('Redis does not answer'))
        seen = answers
      })
    }, SILENCE_TIMEOUT_MS)
  }

  async function send<T>(command: (client: RedisClient) => Promise<T>): Promise<T> {
    const asked = client
    if (!asked.isReady) throw lastError ?? new Error('Redis is not connected')
    const watch = watchSilence(asked)
    try {
      return await command(asked)
    } finally {
      answers++
      clearInterval(watch)
    }
  }

  const pulse = setInterval(() => {
    if (client.isReady) send((asked) => asked.ping()).catch(() => {})
  }, PULSE_INTERVAL_MS)
  pulse.unref()

  return {
    isReady: () => client.isReady,
    send,
    async run({ text, digest }, keys, args) {
      try {
        return await send((asked) => asked.evalSha(digest, { keys, arguments: args }))
      } catch (error) {
        if (!isUnknownScript(error)) throw error
        return send((asked) => asked.eval(text, { keys, arguments: args }))
      }
    },
    async close() {
      isClosed = true
      clearInterval(pulse)
      clearTimeout(handshake)
      client.destroy()
    },
  }
}

function makeClient(url: string) {
  // Where it is wanted: its 480 modules would be a quarter of every start, and most have no Redis.
  const library: { createClient: typeof createClient } = require('@redis/client')
  return library.createClient({
    url,
    disableOfflineQueue: true,
    // No timer of its own for each command.
    commandOptions: { timeout: 0 },
    socket: {
      connectTimeout: CONNECT_TIMEOUT_MS,
      reconnectStrategy: (retries) =>
        Math.min(25 * 2 ** Math.min(retries, 10), MAX_RECONNECT_DELAY_MS),
    },
  })
}

const isUnknownScript = (error: unknown): boolean =>
  error instanceof Error && error.message.startsWith('NOSCRIPT')
