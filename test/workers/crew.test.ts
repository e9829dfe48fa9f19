import { pino } from 'pino'
import { describe, expect, it, onTestFinished } from 'vitest'

import { createMetrics } from '../../src/metrics.ts'
import { createSqliteLedgerStore } from '../../src/stores/sqlite-ledger/store.ts'
import { startCrew } from '../../src/workers/crew.ts'
import { createFolder } from '../helpers/folder.ts'

describe('a worker that dies', () => {
  it('leaves its requests to the ledger as estimated, and its place to another worker', async () => {
    const ledger = createSqliteLedgerStore({
      folder: createFolder(),
      timeZone: 'UTC',
      retentionDays: 1,
      onNotice: () => {},
    })
    const trouble: unknown[] = []
    const crew = startCrew({
      threads: 1,
      port: 0,
      ledger,
      logger: pino({ level: 'silent' }),
      metrics: createMetrics(),
      script: new URL('dying-thread.ts', import.meta.url),
      onStorm: () => {},
      onTrouble: (error) => trouble.push(error),
    })
    onTestFinished(() => ledger.close())
    await crew.started
    await expect.poll(() => trouble, { timeout: 10_000 }).toHaveLength(1)

    const entries: unknown[] = []
    for await (const entry of ledger.entries({ from: 0, to: Date.now() + 1 })) entries.push(entry)
    expect(entries).toMatchObject([
      { id: 'req_left_behind', ending: 'lost', isEstimated: true, outputTokens: 7, costMicros: 12 },
    ])
    // The dead one answers no more, and there is only one place.
    await expect.poll(() => crew.exposition(), { timeout: 10_000 }).toContain('test_has_place 1')
    await crew.stop('the test is over')
    expect(trouble).toHaveLength(1)
  })

  it('has its place taken, also where that has to be tried again', async () => {
    const lines: Record<string, unknown>[] = []
    const trouble: unknown[] = []
    const ledger = createSqliteLedgerStore({ timeZone: 'UTC', retentionDays: 1, onNotice() {} })
    const crew = startCrew({
      threads: 1,
      port: 0,
      ledger,
      logger: pino({}, { write: (line) => void lines.push(JSON.parse(line)) }),
      metrics: createMetrics(),
      script: new URL('stumbling-thread.ts', import.meta.url),
      onStorm: () => {},
      onTrouble: (error) => trouble.push(error),
    })
    onTestFinished(() => ledger.close())
    await crew.started
    await expect
      .poll(() => lines, { timeout: 20_000 })
      .toMatchObject([
        { msg: 'a worker has ended: another takes its place' },
        { msg: 'a worker cannot be started: it is tried again', err: { message: /second/ } },
      ])
    await expect.poll(() => crew.exposition(), { timeout: 20_000 }).toContain('test_life 3')
    await crew.stop('the test is over')
    // The second is no bug of Keystow's that ten of in a minute would end the process.
    expect(trouble).toMatchObject([{ message: 'the first dies' }])
  })
})
