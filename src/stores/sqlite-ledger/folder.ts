import { closeSync, openSync, rmSync } from 'node:fs'
import { join } from 'node:path'

import { codeOf } from '../../thrown.ts'
import { type FileLock, takeFileLock } from '../file-lock.ts'
import { makeFolder } from '../make-folder.ts'

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
  const lock = tryLock(folder)
  if (lock !== undefined) return lock
  throw new LedgerFolderError(
    'locked',
    `${folder} is in use by another Keystow process; give each its own folder, or set REDIS_URL to share one ledger`,
  )
}

function tryLock(folder: string): FileLock | undefined {
  try {
    makeFolder(folder)
    probe(join(folder, 'ledger.probe'))
    return takeFileLock(join(folder, 'ledger.lock'))
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new LedgerFolderError(
      'notWritable',
      `${folder} cannot be written (${reason}); let this process write there, or name another folder`,
      cause,
    )
  }
}

/** The mode of a folder does not tell: it may be root who asks, or the file system that is read-only. */
function probe(file: string): void {
  try {
    closeSync(openSync(file, 'w'))
    rmSync(file)
  } catch (error) {
    if (!isFull(error)) throw error
  }
}

/** A full disk is waited for while the process runs. */
const isFull = (error: unknown): boolean => FULL.has(codeOf(error))

const FULL: ReadonlySet<unknown> = new Set(['ENOSPC', 'EDQUOT'])
