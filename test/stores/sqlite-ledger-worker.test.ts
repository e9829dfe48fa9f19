import { expect, it, onTestFinished } from 'vitest'

import type { Position } from '../../src/stores/sqlite-ledger/segments.ts'
import { createWorkerLink } from '../../src/stores/sqlite-ledger/worker-link.ts'

const SETUP = {
  folder: undefined,
  firstSegment: 1,
  timeZone: 'UTC',
  retentionDays: 1,
  maxEntries: undefined,
}

it('is started again where it was when the worker dies, and who had asked is told', async () => {
  const entered: Position[] = []
  const states: (Error | undefined)[] = []
  const link = createWorkerLink({
    setup: SETUP,
    script: new URL('../helpers/crashing-worker.ts', import.meta.url),
    onEntered: (position) => entered.push(position),
    onState: (error) => states.push(error),
    onNotice() {},
    onChanged() {},
  })
  onTestFinished(() => link.stop())
  link.send({ type: 'written', position: { segment: 2, offset: 0 } })
  await expect.poll(() => entered).toHaveLength(1)
  const ask = () => link.call({ name: 'counters', args: [['a']] })
  await expect(ask()).rejects.toThrow('the worker died')
  expect(states).toMatchObject([{ message: 'the worker died' }])
  await expect(ask()).rejects.toThrow('restarted')
  // It is told again how far the journal is written.
  await expect.poll(() => entered, { timeout: 5000 }).toHaveLength(2)
  expect(states).toMatchObject([{ message: 'the worker died' }, undefined])
  expect(await ask()).toEqual([42])
})
