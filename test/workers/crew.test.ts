import { pino } from 'pino'
import { describe, expect, it, onTestFinished } from 'vitest'

import { createSqliteLedgerStore } from '../../src/stores/sqlite-ledger/store.ts'
import { startTestCrew } from '../helpers/crew.ts'
import { createFolder } from '../helpers/folder.ts'

describe('a worker that dies', () => {
  it('leaves its requests to the ledger as estimated, and its place to another worker', async () => {
    const ledger = createSqliteLedgerStore({
      folder: createFolder(),
      timeZone: 'UTC',
      retentionDays: 1,
      onNotice: () => {},
    })
    const { crew, trouble } = startTestCrew('dying-thread.ts', ledger)
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
    const ledger = createSqliteLedgerStore({ timeZone: 'UTC', retentionDays: 1, onNotice() {} })
    const logger = pino({}, { write: (line) => void lines.push(JSON.parse(line)) })
    const { crew, trouble } = startTestCrew('stumbling-thread.ts', ledger, logger)
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
