import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

import { describe, expect, it } from 'vitest'

import { CREDENTIAL_FORMS } from '../helpers/credential-forms.ts'
import { createFolder } from '../helpers/folder.ts'
import { TEST_CREDENTIAL, TEST_TOKEN } from '../helpers/gateway.ts'
import { takeOutput } from '../helpers/kept-output.ts'
import { runProgram } from '../helpers/run-program.ts'

// A log is read by more people than the key is for, is kept for years and sent to others. No list of fields holds
// once an error quotes the request that failed, so everything that Keystow writes during a run of these tests is
// searched at its end (the reporter does it). These tests see that search fail a run.

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

/** A run of its own, with one test in which Keystow writes this. */
async function runWith(written: string) {
  const folder = createFolder()
  mkdirSync(join(folder, 'test'))
  writeFileSync(
    join(folder, 'test', 'written.test.ts'),
    `import { it } from 'vitest'
     import { keepOutput } from ${JSON.stringify(join(ROOT, 'test/helpers/kept-output.ts'))}
     it('writes', () => keepOutput(${JSON.stringify(written)}))\n`,
  )
  const reporter = join(ROOT, 'test/helpers/tally-reporter.ts')
  const args = [join(ROOT, 'node_modules/vitest/vitest.mjs'), 'run', '--root', folder]
  return runProgram(process.execPath, [...args, `--reporter=${reporter}`], { cwd: ROOT })
}

describe('a run in which Keystow writes a secret', () => {
  it('fails and shows the line', async () => {
    const { exit, stdout } = await runWith(
      `{"level":"info"}\n{"err":"Bearer ${TEST_CREDENTIAL}"}\n`,
    )
    expect(stdout).toContain(`a secret was written: {"err":"Bearer ${TEST_CREDENTIAL}"}`)
    expect(stdout).toMatch(/^1 passed, 1 failed, 0 skipped$/m)
    expect(exit).toBe(1)
  })

  it('passes when it writes none', async () => {
    const { exit, stdout } = await runWith(
      '{"level":"info"}\n{"path":"/v1/models/hk-[redacted]"}\n',
    )
    expect(stdout).toContain("2 lines of Keystow's output were searched for secrets")
    expect(stdout).toMatch(/^1 passed, 0 failed, 0 skipped$/m)
    expect(exit).toBe(0)
  })
})

describe('the search of what was written', () => {
  const leaksIn = (line: string): readonly string[] => {
    const folder = createFolder()
    writeFileSync(join(folder, '1.log'), `{"level":"info"}\n${line}\n`)
    return takeOutput(folder, [TEST_CREDENTIAL]).leaks
  }

  it.each(CREDENTIAL_FORMS)('finds the credential %s', (_how, write) => {
    const line = JSON.stringify({ err: { message: write(TEST_CREDENTIAL) } })
    expect(leaksIn(line)).toEqual([line])
  })

  it.each([TEST_TOKEN, 'hk-test-another', 'sk-test-the-same'])('finds %s', (secret) => {
    expect(leaksIn(`Error: ${secret}`)).toHaveLength(1)
  })
})
