import { existsSync, readdirSync } from 'node:fs'

import { describe, expect, it, onTestFinished, vi } from 'vitest'

import type { Position } from '../../src/stores/sqlite-ledger/segments.ts'
import { createWorkerLink } from '../../src/stores/sqlite-ledger/worker-link.ts'

const SETUP = {
  folder: undefined,
  firstSegment: 1,
  timeZone: 'UTC',
  retentionDays: 1,
  maxEntries: undefined,
}

const NOBODY = { onEntered() {}, onState() {}, onNotice() {}, onChanged() {} }

/** The threads of this process, as Linux lists them. */
const TASKS = '/proc/self/task'

const countThreads = (): number => readdirSync(TASKS).length

describe.skipIf(!existsSync(TASKS))('a thread that nobody has asked yet', () => {
  it('is started by text, of which it would be told only the last', async () => {
    const before = countThreads()
    const link = createWorkerLink({ ...NOBODY, setup: SETUP })
    onTestFinished(() => link.stop())
    expect(countThreads()).toBe(before)
    link.send({ type: 'written', position: { segment: 1, offset: 1 } })
    expect(countThreads()).toBe(before)
    link.send({ type: 'text', text: '', position: { segment: 0, offset: 0 } })
    expect(countThreads()).toBe(before + 1)
  })

  it('is not started any more once it was stopped', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    onTestFinished(() => void vi.useRealTimers())
    const link = createWorkerLink({ ...NOBODY, setup: SETUP })
    await link.stop()
    const before = countThreads()
    await expect(link.call({ name: 'counters', args: [['a']] })).rejects.toThrow('the ledger is')
    vi.advanceTimersByTime(60_000)
    expect(countThreads()).toBe(before)
  })
})

it('is started by what is asked first', async () => {
  const link = createWorkerLink({ ...NOBODY, setup: SETUP })
  onTestFinished(() => link.stop())
  expect(await link.call({ name: 'counters', args: [['a']] })).toEqual([0])
})

it('is started some time later where nobody asks: there may be something to enter', async () => {
  const entered: Position[] = []
  const link = createWorkerLink({
    ...NOBODY,
    setup: SETUP,
    onEntered: (position) => entered.push(position),
  })
  onTestFinished(() => link.stop())
  await expect.poll(() => entered, { timeout: 5000 }).toHaveLength(1)
})

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
