import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

let root: string | undefined

/** A new empty folder, gone when the test file's process ends. */
export function createFolder(): string {
  if (root === undefined) {
    const made = mkdtempSync(join(tmpdir(), 'keystow-test-'))
    process.once('exit', () => rmSync(made, { recursive: true, force: true }))
    root = made
  }
  return mkdtempSync(`${root}/`)
}
