import { renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'

import type { Redis } from '../helpers/redis-process.ts'

/** What happens to a server over the weeks, within minutes. */
export interface Disturbances {
  readonly env: Readonly<Record<string, string>>
  /** One of them after the other, for as long as it is asked. */
  run(isOver: () => boolean, signal: (name: NodeJS.Signals) => void): Promise<void>
  /** How often each of them happened. */
  counts(): Readonly<Record<string, number>>
}

interface DisturbancesOptions {
  readonly folder: string
  readonly credentials: readonly [string, ...string[]]
  readonly redis: Redis | undefined
}

const PAUSE_MS = 3000
const REDIS_AWAY_MS = 1000

/** Settings that a running process takes up. */
const POLICIES = [
  'forwardHeaders: [openai-organization]\nroutes: { suno: { prefix: /suno } }\n',
  "allowedOrigins: ['https://app.example.com']\nopenPaths: [/v1/files]\n",
  'sseHeartbeatMs: 500\n',
]
const BAD_POLICY = 'openPaths: files\nunknown: 1\n'

export function createDisturbances({
  folder,
  credentials,
  redis,
}: DisturbancesOptions): Disturbances {
  const keyFile = join(folder, 'key')
  const policyFile = join(folder, 'keystow.yaml')
  const counts: Record<string, number> = {}
  let round = 0

  /** As an editor does, and Kubernetes: the file is whole whenever it is there. */
  function replace(file: string, text: string): void {
    writeFileSync(`${file}.next`, text)
    renameSync(`${file}.next`, file)
  }

  function count(what: string): void {
    counts[what] = (counts[what] ?? 0) + 1
  }

  replace(keyFile, credentials[0])
  replace(policyFile, POLICIES[0] ?? '')

  const all: readonly ((signal: (name: NodeJS.Signals) => void) => void | Promise<void>)[] = [
    () => {
      replace(keyFile, `${credentials[round % credentials.length] ?? credentials[0]}\n`)
      count('key changes')
    },
    (signal) => {
      replace(policyFile, POLICIES[round % POLICIES.length] ?? '')
      signal('SIGHUP')
      count('reloads')
    },
    async () => {
      if (redis === undefined) return
      await redis.stop()
      await wait(REDIS_AWAY_MS)
      await redis.start()
      count('Redis restarts')
    },
    (signal) => {
      replace(policyFile, BAD_POLICY)
      signal('SIGHUP')
      count('refused reloads')
    },
  ]

  return {
    env: {
      UPSTREAM_API_KEY_FILE: keyFile,
      KEYSTOW_CONFIG: policyFile,
      DATA_DIR: join(folder, 'data'),
      ...(redis !== undefined && { REDIS_URL: redis.url }),
    },
    counts: () => counts,
    async run(isOver, signal) {
      while (!isOver()) {
        await wait(PAUSE_MS)
        await all[round % all.length]?.(signal)
        round++
      }
    },
  }
}
