import { appendFileSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { findCredential } from './find-credential.ts'

/** Names the folder in which a run keeps all that Keystow writes, for the workers that run the tests. */
const VARIABLE = 'KEYSTOW_TEST_OUTPUT'

/** Every secret of the tests begins like one of these. */
const TEST_SECRET = /\b(?:hk|sk|ks)-test-[\w.~+/-]+/

export function createOutputFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'keystow-output-'))
  process.env[VARIABLE] = folder
  return folder
}

/** Keeps what a Keystow has written in a test: what the log, a crash or a warning shows is looked through at the end. */
export function keepOutput(text: string): void {
  const folder = process.env[VARIABLE]
  if (folder !== undefined && text !== '') appendFileSync(join(folder, `${process.pid}.log`), text)
}

interface KeptOutput {
  readonly lines: number
  /** The lines in which a secret stands, in any form that a reader undoes. */
  readonly leaks: readonly string[]
}

/** Reads what was kept, and removes the folder. */
export function takeOutput(folder: string, credentials: readonly string[]): KeptOutput {
  const lines = readdirSync(folder).flatMap((name) =>
    readFileSync(join(folder, name), 'utf8').trimEnd().split('\n'),
  )
  rmSync(folder, { recursive: true })
  const leaks = lines.filter(
    (line) =>
      TEST_SECRET.test(line) ||
      credentials.some((credential) => findCredential(line, credential) !== undefined),
  )
  return { lines: lines.length, leaks }
}
