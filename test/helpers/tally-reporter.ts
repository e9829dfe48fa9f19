import type { Reporter, TestModule } from 'vitest/node'

import { createOutputFolder, takeOutput } from './kept-output.ts'
import { TEST_CREDENTIAL } from './test-secrets.ts'

/**
 * Looks through all that Keystow wrote in a run for the tests' secrets, and closes the run with one plain line,
 * `N passed, N failed, N skipped`, for scripts that read the output.
 */
export default class TallyReporter implements Reporter {
  #outputFolder = ''

  onInit(): void {
    this.#outputFolder = createOutputFolder()
  }

  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly unknown[]): void {
    const { lines, leaks } = takeOutput(this.#outputFolder, [TEST_CREDENTIAL])
    if (leaks.length > 0) process.exitCode = 1
    const tally = { passed: 0, failed: unhandledErrors.length + leaks.length, skipped: 0 }
    for (const module of modules) {
      let tests = 0
      for (const test of module.children.allTests()) {
        tests++
        const { state } = test.result()
        if (state === 'passed') tally.passed++
        else if (state === 'skipped') tally.skipped++
        else tally.failed++
      }
      // A file that fails to load has no tests to count, yet it must not look green.
      if (tests === 0 && !module.ok()) tally.failed++
    }
    // After the default reporter, whose summary is written in the same turn.
    setImmediate(() => {
      process.stdout.write(`${lines} lines of Keystow's output were searched for secrets\n`)
      for (const line of leaks) process.stdout.write(`a secret was written: ${line}\n`)
      process.stdout.write(
        `${tally.passed} passed, ${tally.failed} failed, ${tally.skipped} skipped\n`,
      )
    })
  }
}
