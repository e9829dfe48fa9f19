import type { Reporter, TestModule } from 'vitest/node'

/** Closes a run with one plain line, `N passed, N failed, N skipped`, for scripts that read the output. */
export default class TallyReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly unknown[]): void {
    const tally = { passed: 0, failed: unhandledErrors.length, skipped: 0 }
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
      process.stdout.write(
        `${tally.passed} passed, ${tally.failed} failed, ${tally.skipped} skipped\n`,
      )
    })
  }
}
