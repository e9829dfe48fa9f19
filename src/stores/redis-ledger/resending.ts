import type { LedgerEntry } from '../../usage/ledger-entry.ts'
import type { LedgerNotice, LedgerStats } from '../ledger-store.ts'
import type { RedisConnection } from '../redis-connection.ts'
import type { Entering } from './entering.ts'
import { createOutbox } from './outbox.ts'
import type { Held, Reservations } from './reservations.ts'

const INTERVAL_MS = 500
const SENT_AT_ONCE = 200

/** Calls that were refused while Redis was away and may hold a reservation there. */
const MAX_RELEASES = 10_000

/** How long the last entries may take when the process ends. */
const CLOSE_TIMEOUT_MS = 2000

/** What Redis did not take is sent again until it does. */
export interface Resending {
  add(entry: LedgerEntry): void
  /** The call was not made, and whether Redis has granted it nobody knows. */
  release(held: Held): void
  /** Redis answers. */
  start(): void
  stats(): Pick<LedgerStats, 'lagMs' | 'droppedEntries'>
  close(): Promise<void>
}

interface ResendingOptions {
  readonly connection: RedisConnection
  readonly entering: Entering
  readonly reservations: Reservations
  readonly folder?: string | undefined
  readonly onNotice: (notice: LedgerNotice) => void
  readonly onFailure: (error: unknown) => void
}

export function createResending(options: ResendingOptions): Resending {
  const { connection, entering, reservations, onNotice, onFailure } = options
  const outbox = createOutbox({
    folder: options.folder,
    onFileFailure: (cause) => onNotice({ ...NOT_IN_FILE, cause }),
  })
  const releases: Held[] = []
  let sending: Promise<void> | undefined
  let waitingSince: number | undefined
  let droppedEntries = 0
  const timer = setInterval(() => void send(), INTERVAL_MS)
  timer.unref()

  function send(): Promise<void> {
    sending ??= sendAll()
      .catch(onFailure)
      .finally(() => {
        sending = undefined
      })
    return sending
  }

  async function sendAll(): Promise<void> {
    while (connection.isReady() && releases[0] !== undefined) {
      await reservations.release(releases[0])
      releases.shift()
    }
    while (connection.isReady() && outbox.count() > 0) {
      const entries = outbox.peek(SENT_AT_ONCE)
      await Promise.all(entries.map((entry) => entering.enter(entry)))
      for (const entry of entries) outbox.remove(entry)
    }
    if (outbox.count() === 0) waitingSince = undefined
  }

  return {
    add(entry) {
      if (!outbox.add(entry)) droppedEntries++
      waitingSince ??= performance.now()
    },
    release(held) {
      if (releases.length < MAX_RELEASES) releases.push(held)
    },
    start() {
      outbox.adopt()
      if (outbox.count() > 0) waitingSince ??= performance.now()
      void send()
    },
    stats: () => ({
      lagMs: waitingSince === undefined ? 0 : performance.now() - waitingSince,
      droppedEntries,
    }),
    async close() {
      clearInterval(timer)
      const timeout = new Promise((resolve) => setTimeout(resolve, CLOSE_TIMEOUT_MS).unref())
      await Promise.race([send(), timeout])
      outbox.close()
    },
  }
}

const NOT_IN_FILE = {
  level: 'warn',
  message:
    'entries that wait for Redis cannot be written to a file: they are kept in memory and would be lost with the process',
} as const satisfies LedgerNotice
