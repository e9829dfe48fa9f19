import { execFileSync } from 'node:child_process'
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { onTestFinished } from 'vitest'

import { createFolder } from './folder.ts'
import { findProgram } from './programs.ts'

/** A disk that can be full. */
export interface SmallDisk {
  readonly folder: string
  /** From now on nothing fits. */
  fill(): void
  /** There is room again. */
  free(): void
}

const prlimit = findProgram('prlimit')

/** Small, but a ledger's first files fit. */
const TMPFS_BYTES = 4 * 1024 * 1024

/** A file system of its own in memory, which answers ENOSPC. Undefined where it cannot be mounted. */
function mountTmpfs(): SmallDisk | undefined {
  const folder = createFolder()
  try {
    const args = ['-t', 'tmpfs', '-o', `size=${TMPFS_BYTES}`, 'tmpfs', folder]
    execFileSync('mount', args, { stdio: 'ignore' })
  } catch {
    return undefined
  }
  onTestFinished(() => void execFileSync('umount', ['--lazy', folder], { stdio: 'ignore' }))
  const filler = join(folder, 'filler')
  return {
    folder,
    fill() {
      // Page by page to the very end.
      for (let bytes = TMPFS_BYTES; bytes >= 4096;) {
        try {
          writeFileSync(filler, Buffer.alloc(bytes), { flag: 'a' })
        } catch {
          bytes /= 2
        }
      }
    },
    free: () => rmSync(filler),
  }
}

/** This process may write no file past its first kilobytes: EFBIG in the place of ENOSPC. */
function limitFileSize(): SmallDisk | undefined {
  if (prlimit === undefined) return undefined
  const limit = (bytes: string): void => {
    execFileSync(prlimit, ['--pid', String(process.pid), `--fsize=${bytes}:unlimited`])
  }
  onTestFinished(() => limit('unlimited'))
  return { folder: createFolder(), fill: () => limit('512'), free: () => limit('unlimited') }
}

export const smallDisks: readonly [string, () => SmallDisk | undefined][] = [
  ['a full file system', mountTmpfs],
  ['a limit on the size of files', limitFileSize],
]
