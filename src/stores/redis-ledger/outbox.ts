import {
  appendFileSync,
  existsSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
} from 'node:fs'
import { randomUUID } from 'node:crypto'
import { join } from 'node:path'

import type { LedgerEntry } from '../../usage/ledger-entry.ts'
import { type FileLock, takeFileLock } from '../file-lock.ts'
import { makeFolder } from '../make-folder.ts'
import { formatEntry, parseEntry } from './keys.ts'
import { toError } from '../../thrown.ts'

/** Entries that wait at most: some fifty megabytes. */
const MAX_ENTRIES = 100_000

/** Settled entries that Redis has not taken yet; in files too, so that they outlive the process. */
export interface Outbox {
  /** False when it is full. */
  add(entry: LedgerEntry): boolean
  /** The oldest, at most so many. */
  peek(count: number): LedgerEntry[]
  /** It was taken. */
  remove(entry: LedgerEntry): void
  count(): number
  /** Takes over what processes that are dead left in the folder. */
  adopt(): void
  close(): void
}

interface OutboxOptions {
  /** Shared by the processes of a machine; each has a file of its own in it. Absent keeps entries in memory alone. */
  readonly folder: string | undefined
  readonly maxEntries?: number
  /** Entries are kept in memory alone from now on, because the file cannot be written. */
  onFileFailure(error: Error): void
}

export function createOutbox(options: OutboxOptions): Outbox {
  const { folder, maxEntries = MAX_ENTRIES } = options
  const entries = new Map<string, LedgerEntry>()
  const file = folder === undefined ? undefined : createOutboxFile(folder)
  /** Files of the dead, which go when everything is sent. */
  const adopted: LockedFile[] = []

  let isFailing = false

  function attempt(action: () => void): void {
    try {
      action()
      isFailing = false
    } catch (error) {
      if (!isFailing) options.onFileFailure(toError(error))
      isFailing = true
    }
  }

  function dropFiles(): void {
    attempt(() => {
      file?.empty()
      for (const found of adopted.splice(0)) found.remove()
    })
  }

  return {
    add(entry) {
      if (entries.size >= maxEntries) return false
      entries.set(entry.id, entry)
      attempt(() => file?.append(`${formatEntry(entry)}\n`))
      return true
    },
    peek(count) {
      const found: LedgerEntry[] = []
      for (const entry of entries.values()) {
        if (found.length >= count) break
        found.push(entry)
      }
      return found
    },
    remove(entry) {
      if (entries.get(entry.id) === entry) entries.delete(entry.id)
      if (entries.size === 0) dropFiles()
    },
    count: () => entries.size,
    adopt() {
      if (folder === undefined) return
      attempt(() => {
        for (const found of findOrphans(folder)) {
          adopted.push(found)
          for (const entry of readEntries(found.name)) entries.set(entry.id, entry)
        }
        if (entries.size === 0) dropFiles()
      })
    },
    close() {
      for (const found of adopted) found.release()
      attempt(() => file?.close())
    },
  }
}

interface LockedFile {
  readonly name: string
  release(): void
  /** Removes it and its lock. */
  remove(): void
}

interface OutboxFile {
  append(text: string): void
  empty(): void
  close(): void
}

/** Made when there is something to write. */
function createOutboxFile(folder: string): OutboxFile {
  const name = join(folder, `outbox-${randomUUID()}.jsonl`)
  let locked: LockedFile | undefined
  return {
    append(text) {
      if (locked === undefined) {
        makeFolder(folder)
        locked = lockFile(name)
      }
      appendFileSync(name, text, { mode: 0o600 })
    },
    empty() {
      if (existsSync(name)) truncateSync(name)
    },
    close() {
      if (locked === undefined) return
      if (readEntries(name).length === 0) locked.remove()
      else locked.release()
    },
  }
}

function lockFile(name: string): LockedFile | undefined {
  const lock: FileLock | undefined = takeFileLock(`${name}.lock`)
  if (lock === undefined) return undefined
  return {
    name,
    release: () => lock.release(),
    remove() {
      rmSync(name, { force: true })
      lock.release()
      rmSync(`${name}.lock`, { force: true })
    },
  }
}

/** Whoever can lock a file's lock knows that its process is dead. */
function findOrphans(folder: string): LockedFile[] {
  if (!existsSync(folder)) return []
  return readdirSync(folder)
    .filter((name) => /^outbox-.+\.jsonl$/.test(name))
    .map((name) => lockFile(join(folder, name)))
    .filter((found) => found !== undefined)
}

function readEntries(name: string): LedgerEntry[] {
  if (!existsSync(name)) return []
  return readFileSync(name, 'utf8')
    .split('\n')
    .flatMap((line) => {
      try {
        return line === '' ? [] : [parseEntry(line)]
      } catch {
        // Torn when the process was killed.
        return []
      }
    })
}
