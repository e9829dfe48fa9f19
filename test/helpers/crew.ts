import { type Logger, pino } from 'pino'

import { createMetrics } from '../../src/metrics.ts'
import { type Crew, startCrew } from '../../src/workers/crew.ts'
import type { ServingLedger } from '../../src/workers/ledger-calls.ts'

interface TestCrew {
  readonly crew: Crew
  /** What it has told of so far. */
  readonly trouble: readonly unknown[]
}

/** One thread of a script, named from the folder of the tests of threads, before this ledger. */
export function startTestCrew(
  script: string,
  ledger: ServingLedger,
  logger: Logger = pino({ level: 'silent' }),
): TestCrew {
  const trouble: unknown[] = []
  const crew = startCrew({
    threads: 1,
    port: 0,
    ledger,
    logger,
    metrics: createMetrics(),
    script: new URL(`../workers/${script}`, import.meta.url),
    onStorm: () => {},
    onTrouble: (error) => trouble.push(error),
  })
  return { crew, trouble }
}
