import { beforeEach, expect, it } from 'vitest'

import { nginx } from '../../bench/contenders/nginx.ts'
import { keystow } from '../../bench/contenders/keystow.ts'
import { alternate, alternateFresh, createMeasurement } from '../../bench/measure.ts'
import type { Scenario } from '../../bench/scenarios/scenario.ts'
import { fakeStage, fakeTarget, keepQuiet } from '../helpers/bench.ts'

beforeEach(keepQuiet)

/** The number of the call; nginx fails its second. */
function scenarioOf(rounds: number): Scenario {
  let [own, others] = [0, 0]
  return {
    name: 'something',
    rounds,
    metrics: ['jsonCpuUs', 'jsonPerSecond'],
    async run({ id }) {
      if (id !== 'nginx') return { jsonCpuUs: (others += 1) }
      own += 1
      if (own === 2) throw new Error('1 errors')
      return { jsonCpuUs: own, jsonPerSecond: own }
    },
  }
}

it('marks the failed round and the rest of a process that failed, and goes on with the others', async () => {
  const measurement = createMeasurement()
  const targets = [fakeTarget('nginx'), fakeTarget('keystow')]
  await alternate(measurement, scenarioOf(4), { targets })
  expect(measurement.figures.table).toEqual({
    nginx: { jsonCpuUs: [1, null, null, null], jsonPerSecond: [1, null, null, null] },
    keystow: { jsonCpuUs: [1, 2, 3, 4] },
  })
  expect(measurement.failures).toEqual([
    { id: 'nginx', scenario: 'something', message: '1 errors' },
  ])
})

it('tries it again in the next scenario', async () => {
  const measurement = createMeasurement()
  const targets = [fakeTarget('nginx')]
  await alternate(measurement, scenarioOf(2), { targets })
  await alternate(measurement, scenarioOf(1), { targets })
  expect(measurement.figures.table.nginx?.jsonCpuUs).toEqual([1, null, 1])
})

it('marks every round of who could not be started', async () => {
  const measurement = createMeasurement()
  await alternate(measurement, scenarioOf(2), { targets: [], absent: ['keystow'] })
  expect(measurement.figures.table.keystow?.jsonCpuUs).toEqual([null, null])
})

it('takes what is no number for a failure', async () => {
  const measurement = createMeasurement()
  const nothing: Scenario = { ...scenarioOf(1), run: async () => ({ jsonCpuUs: 0 / 0 }) }
  await alternate(measurement, nothing, { targets: [fakeTarget('keystow')] })
  expect(measurement.figures.table.keystow?.jsonCpuUs).toEqual([null])
  expect(measurement.failures).toMatchObject([{ message: 'jsonCpuUs is NaN' }])
})

it('marks only the failed round of processes that are started for each', async () => {
  const measurement = createMeasurement()
  const stage = fakeStage({ down: (id, start) => id === 'keystow' && start === 0 })
  await alternateFresh(measurement, scenarioOf(3), { stage, contenders: [nginx, keystow] })
  expect(measurement.figures.table).toEqual({
    nginx: { startMs: [50, 50, 50], jsonCpuUs: [1, null, 3], jsonPerSecond: [1, null, 3] },
    keystow: { startMs: [null, 50, 50], jsonCpuUs: [null, 1, 2], jsonPerSecond: [null] },
  })
})
