import { beforeEach, expect, it, onTestFinished, vi } from 'vitest'

import { AIMS, judgeAim } from '../../bench/aims.ts'
import { keystow } from '../../bench/contenders/keystow.ts'
import { type FigureTable, spread } from '../../bench/figures.ts'
import { measureFull } from '../../bench/full.ts'
import { fakeStage, keepQuiet } from '../helpers/bench.ts'

beforeEach(keepQuiet)

/** Of all aims; what the upstream does by itself goes as always. */
function verdictsOf(table: FigureTable): Record<string, string> {
  const verdicts = AIMS.map((aim) => [
    aim.what,
    judgeAim(aim, spread(aim.measure(table, 'keystow'))),
  ])
  return Object.fromEntries(verdicts)
}

it('says of a Keystow that does not start that it reaches no aim', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout'] })
  onTestFinished(() => void vi.useRealTimers())
  const stage = fakeStage({ down: (id) => id === 'keystow' })
  const measured = measureFull({ stage, contenders: [keystow], rounds: 1 })
  await vi.advanceTimersByTimeAsync(60_000)
  const { figures, failures } = await measured
  expect(new Set(Object.values(verdictsOf(figures.table)))).toEqual(new Set(['no']))
  expect(new Set(failures.map(({ scenario }) => scenario))).toEqual(new Set(['start']))
})
