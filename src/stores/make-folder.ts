import { existsSync, mkdirSync } from 'node:fs'
import { dirname } from 'node:path'

import { codeOf } from '../thrown.ts'

/**
 * Makes a folder and those above it, for this user alone. `mkdirSync` with `recursive` never returns where the
 * system says "no such file" of a folder whose parent is there, as it does below /proc (Node 24.21).
 */
export function makeFolder(folder: string): void {
  try {
    mkdirSync(folder, { mode: 0o700 })
  } catch (error) {
    const code = codeOf(error)
    if (code === 'EEXIST') return
    const parent = dirname(folder)
    if (code !== 'ENOENT' || existsSync(parent)) throw error
    makeFolder(parent)
    makeFolder(folder)
  }
}
