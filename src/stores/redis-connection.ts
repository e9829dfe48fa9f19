import { createHash } from 'node:crypto'

import { createClient } from '@redis/client'

/** A command that takes longer counts as a store that is away: requests wait for it. */
const COMMAND_TIMEOUT_MS = 1000
const CONNECT_TIMEOUT_MS = 1000
const MAX_RECONNECT_DELAY_MS = 1000

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

export interface RedisConnection {
  readonly client: ReturnType<typeof makeClient>
  /** Rejects at once while Redis is away. */
  run(script: RedisScript, keys: string[], args: string[]): Promise<unknown>
  /** What stands between a caller and the client: nothing is sent while Redis is away. */
  assertReady(): void
  close(): Promise<void>
}

export const redisScript = (text: string): RedisScript => ({
  text,
  digest: createHash('sha1').update(text).digest('hex'),
})

/** Connects without waiting: while Redis is away every call rejects, and the connection is taken up again when it is back. */
export function createRedisConnection(options: RedisConnectionOptions): RedisConnection {
  const { url, onStateChange } = options
  const client = makeClient(url)
  let lastError: Error | undefined
  client.on('ready', () => onStateChange(true))
  client.on('error', (error: Error) => {
    lastError = error
    onStateChange(false, error)
  })
  // Rejects only when it is closed while it still tries.
  const connecting = client.connect().catch((error: Error) => {
    lastError = error
  })

  function assertReady(): void {
    if (!client.isReady) throw lastError ?? new Error('Redis is not connected')
  }

  return {
    client,
    assertReady,
    async run({ text, digest }, keys, args) {
      assertReady()
      try {
        return await client.evalSha(digest, { keys, arguments: args })
      } catch (error) {
        if (!isUnknownScript(error)) throw error
        return client.eval(text, { keys, arguments: args })
      }
    },
    async close() {
      client.destroy()
      await connecting
    },
  }
}

function makeClient(url: string) {
  return createClient({
    url,
    disableOfflineQueue: true,
    commandOptions: { timeout: COMMAND_TIMEOUT_MS },
    socket: {
      connectTimeout: CONNECT_TIMEOUT_MS,
      reconnectStrategy: (retries) =>
        Math.min(25 * 2 ** Math.min(retries, 10), MAX_RECONNECT_DELAY_MS),
    },
  })
}

const isUnknownScript = (error: unknown): boolean =>
  error instanceof Error && error.message.startsWith('NOSCRIPT')
