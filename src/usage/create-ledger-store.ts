import { join } from 'node:path'

import type { LedgerNotice, LedgerStore } from '../stores/ledger-store.ts'
import { createRedisLedgerStore } from '../stores/redis-ledger/store.ts'
import { LedgerFolderError } from '../stores/sqlite-ledger/folder.ts'
import { createSqliteLedgerStore } from '../stores/sqlite-ledger/store.ts'

/** A ledger in memory keeps so many entries; a hundred thousand take some fifty megabytes. */
const MAX_ENTRIES_IN_MEMORY = 100_000

export interface LedgerSettings {
  readonly redisUrl?: string | undefined
  readonly redisFailureMode: 'open' | 'closed'
  readonly dataDir: string
  readonly timeZone: string
  readonly ledgerRetentionDays: number
  /** Whether any client, or the instance, has a cap. */
  readonly hasBudgets: boolean
}

interface Observers {
  readonly logger: LeveledLog
  /** Called for every call that Redis did not answer. */
  readonly onFailure: () => void
}

type LeveledLog = Record<LedgerNotice['level'], (fields: object, message: string) => void>

/**
 * The ledger that the settings ask for: Redis, or a folder. Where the folder cannot be written, or another process has
 * it, and nothing rests on it, the ledger is kept in memory; otherwise throws a `LedgerFolderError`.
 */
export function createLedgerStore(settings: LedgerSettings, observers: Observers): LedgerStore {
  const { redisUrl, dataDir, timeZone, ledgerRetentionDays: retentionDays } = settings
  const { logger } = observers
  const onNotice = ({ level, message, cause }: LedgerNotice): void =>
    logger[level](cause === undefined ? {} : { err: cause }, message)

  if (redisUrl !== undefined) return createShared(redisUrl, settings, { ...observers, onNotice })
  try {
    return createSqliteLedgerStore({ folder: dataDir, timeZone, retentionDays, onNotice })
  } catch (error) {
    if (!(error instanceof LedgerFolderError) || settings.hasBudgets) throw error
    logger.error({ err: error }, `DATA_DIR: ${WHY_NOT[error.reason]}: ${IN_MEMORY}`)
    const maxEntries = MAX_ENTRIES_IN_MEMORY
    return createSqliteLedgerStore({ timeZone, retentionDays, maxEntries, onNotice })
  }
}

const WHY_NOT = {
  locked: 'another Keystow process has the folder',
  notWritable: 'the folder cannot be written',
} as const satisfies Record<LedgerFolderError['reason'], string>

const IN_MEMORY = 'the ledger is kept in memory, and is gone when this process ends'

interface SharedObservers extends Observers {
  readonly onNotice: (notice: LedgerNotice) => void
}

function createShared(
  url: string,
  settings: LedgerSettings,
  { logger, onFailure, onNotice }: SharedObservers,
): LedgerStore {
  const { redisFailureMode: mode, dataDir, timeZone, ledgerRetentionDays } = settings
  let wasReady: boolean | undefined
  return createRedisLedgerStore({
    url,
    mode,
    timeZone,
    retentionDays: ledgerRetentionDays,
    folder: join(dataDir, 'outbox'),
    onNotice,
    onFailure,
    onStateChange(isReady, error) {
      if (isReady === wasReady) return
      wasReady = isReady
      if (isReady) logger.info({}, 'Redis answers: the ledger and its budgets are shared')
      else logger.warn({ err: error }, `Redis is away: ${CONSEQUENCE[mode]}`)
    },
  })
}

const CONSEQUENCE = {
  open: 'entries wait for it, and budgets hold for this process alone (REDIS_FAILURE_MODE=open)',
  closed:
    'entries wait for it, and clients with a budget are answered 503 (REDIS_FAILURE_MODE=closed)',
} as const
