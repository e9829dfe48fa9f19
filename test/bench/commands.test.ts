import { beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest'

import type { Options } from '../../bench/arguments.ts'
import { full, smoke } from '../../bench/commands.ts'
import { createFigures } from '../../bench/figures.ts'
import { measureFull } from '../../bench/full.ts'
import { createMeasurement } from '../../bench/measure.ts'
import { writeFull, writeRecorded, writeSmoke } from '../../bench/report/files.ts'
import { runSmoke, type Smoke } from '../../bench/smoke.ts'
import { fakeStage, keepQuiet } from '../helpers/bench.ts'

// Nothing is measured here, and the files of the repository stay as they are.
vi.mock(import('../../bench/full.ts'), () => ({ measureFull: vi.fn<typeof measureFull>() }))
vi.mock(import('../../bench/smoke.ts'), () => ({ runSmoke: vi.fn<typeof runSmoke>() }))
vi.mock(import('../../bench/report/files.ts'), () => ({
  readRecorded: () => ({ 'http-proxy': { jsonCpuUs: 2, eventCpuUs: 2 } }),
  writeFull: vi.fn<typeof writeFull>(),
  writeRecorded: vi.fn<typeof writeRecorded>(),
  writeSmoke: vi.fn<typeof writeSmoke>(),
}))

const OPTIONS: Options = {
  write: true,
  anew: false,
  rounds: 5,
  only: undefined,
  node: process.execPath,
  tls: false,
}
const SOUND: Smoke = {
  figures: createFigures({
    'http-proxy': { jsonCpuUs: [10], eventCpuUs: [10] },
    keystow: { jsonCpuUs: [10], eventCpuUs: [10] },
  }),
  failures: [],
  failed: [],
  slower: [],
  missing: [],
}
const SLOWER: Smoke = { ...SOUND, slower: ['jsonCpuUs: 9.00 times'] }
const BROKEN: Smoke = { ...SOUND, failed: ['Keystow, warm-up: 1 errors'] }

/** What it prints is the result. */
function keepOutput(): string[] {
  const output: string[] = []
  const spy = vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    output.push(String(text))
    return true
  })
  onTestFinished(() => spy.mockRestore())
  return output
}

let output: string[]

beforeEach(() => {
  vi.clearAllMocks()
  output = keepOutput()
  keepQuiet()
  vi.mocked(measureFull).mockResolvedValue(createMeasurement())
})

describe('smoke', () => {
  it.each<[string, Smoke, Partial<Options>, boolean, number]>([
    ['writes where nothing is wrong', SOUND, {}, true, 1],
    ['writes nothing unless it is told to', SOUND, { write: false }, true, 0],
    ['writes nothing where Keystow was slower', SLOWER, {}, false, 0],
    ['writes what was slower anew', SLOWER, { anew: true }, false, 1],
    ['writes nothing where Keystow failed', BROKEN, {}, false, 0],
    ['writes nothing where Keystow failed, nor anew', BROKEN, { anew: true }, false, 0],
  ])('%s', async (_what, result, options, isGood, times) => {
    vi.mocked(runSmoke).mockResolvedValue(result)
    expect(await smoke(fakeStage(), { ...OPTIONS, ...options })).toBe(isGood)
    expect(writeRecorded).toHaveBeenCalledTimes(times)
    expect(writeSmoke).toHaveBeenCalledTimes(times)
  })
})

describe('full', () => {
  it.each([
    ['good', SOUND, true],
    ['that it is slower', SLOWER, false],
    ['that it failed', BROKEN, false],
  ])('says what smoke says: %s', async (_what, result, isGood) => {
    vi.mocked(runSmoke).mockResolvedValue(result)
    expect(await full(fakeStage(), OPTIONS)).toBe(isGood)
    expect(writeFull).toHaveBeenCalledTimes(1)
    expect(writeSmoke).toHaveBeenCalledTimes(isGood ? 1 : 0)
  })

  it('names who was left out, and what was measured', async () => {
    vi.mocked(runSmoke).mockResolvedValue(SOUND)
    await full(fakeStage(), { ...OPTIONS, write: false, only: ['keystow'] })
    const text = output.join('')
    expect(text).toContain('- http-proxy + rate-limit: left out, by --only\n')
    expect(text).not.toContain('Keystow: left out')
    expect(vi.mocked(measureFull).mock.calls[0]?.[0].contenders).toMatchObject([{ id: 'keystow' }])
  })
})
