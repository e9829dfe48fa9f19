import { accessSync, constants, mkdirSync } from 'node:fs'
import { join } from 'node:path'

import { type FileLock, takeFileLock } from '../file-lock.ts'

/** Why a ledger cannot be kept in a folder. */
export class LedgerFolderError extends Error {
  override readonly name = 'LedgerFolderError' as const
  readonly reason: 'locked' | 'notWritable'

  constructor(reason: LedgerFolderError['reason'], message: string, cause?: unknown) {
    super(message, { cause })
    this.reason = reason
  }
}

/** Makes the folder and takes it for this process. */
export function takeFolder(folder: string): FileLock {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    accessSync(folder, constants.W_OK | constants.X_OK)
  } catch (cause) {
    throw notWritable(folder, cause)
  }
  const lock = tryLock(folder)
  if (lock === undefined) {
    throw new LedgerFolderError(
      'locked',
      `${folder} is in use by another Keystow process; give each its own folder, or set REDIS_URL to share one ledger`,
    )
  }
  return lock
}

function tryLock(folder: string): FileLock | undefined {
  try {
    return takeFileLock(join(folder, 'ledger.lock'))
  } catch (cause) {
    throw notWritable(folder, cause)
  }
}

const notWritable = (folder: string, cause: unknown): LedgerFolderError =>
  new LedgerFolderError(
    'notWritable',
    `${folder} cannot be written (${cause instanceof Error ? cause.message : String(cause)}); let this process write there, or name another folder`,
    cause,
  )
