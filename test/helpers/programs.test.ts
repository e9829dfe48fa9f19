import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { afterEach, describe, expect, it, vi } from 'vitest'

import { createFolder } from './folder.ts'
import { describeProgram, findProgram } from './programs.ts'

// A machine may have python3 without requests, or a JDK without okhttp: a test that needs both must be left out
// there by name, and must not be left out where everything has to be installed.

/** A folder with a program that answers every call with this exit code. */
function folderWith(name: string, exitCode: number): string {
  const folder = createFolder()
  writeFileSync(join(folder, name), `#!/bin/sh\nexit ${exitCode}\n`)
  chmodSync(join(folder, name), 0o755)
  return folder
}

afterEach(() => {
  vi.unstubAllEnvs()
})

describe.each(['python3', 'php'] as const)('%s', (name) => {
  it('without its library is not there', () => {
    vi.stubEnv('CI', '')
    expect(findProgram(name, [folderWith(name, 1)])).toBeUndefined()
  })

  it('is looked for further on when the first has no library', () => {
    const folder = folderWith(name, 0)
    expect(findProgram(name, [folderWith(name, 1), folder])).toBe(join(folder, name))
  })

  it('without its library is an error under CI=true, and named with it', () => {
    vi.stubEnv('CI', 'true')
    expect(() => findProgram(name, [folderWith(name, 1)])).toThrow(
      `${describeProgram(name)} is not installed`,
    )
    expect(describeProgram(name)).toMatch(/ with (?:requests|curl) \(/)
  })
})

describe('javac', () => {
  it('is named with okhttp', () => {
    expect(describeProgram('javac')).toBe('javac with okhttp (libokhttp-java)')
  })
})
