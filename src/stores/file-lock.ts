import { DatabaseSync } from 'node:sqlite'

const SQLITE_BUSY = 5

export interface FileLock {
  release(): void
}

/**
 * Takes a file for this process; undefined when another one has it. The lock is SQLite's own on an empty database:
 * the system gives it up when the process ends, however it ends, and no pid that was used again passes for an owner.
 */
export function takeFileLock(file: string): FileLock | undefined {
  const database = new DatabaseSync(file, { timeout: 0 })
  try {
    // Nothing is ever written, so that no file is needed to roll it back.
    database.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE')
  } catch (error) {
    database.close()
    if (isBusy(error)) return undefined
    throw error
  }
  return { release: () => database.close() }
}

const isBusy = (error: unknown): boolean =>
  error instanceof Error && 'errcode' in error && error.errcode === SQLITE_BUSY
