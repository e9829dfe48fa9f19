import { beforeEach, describe, expect, it } from 'vitest'

import type { ContenderId } from '../../bench/contenders/contender.ts'
import type { LoadPlan } from '../../bench/rig/load.ts'
import { runSmoke } from '../../bench/smoke.ts'
import { fakeStage, keepQuiet, type Loaded } from '../helpers/bench.ts'

const RECORDED = {
  nginx: { jsonCpuUs: 1, eventCpuUs: 1 },
  'http-proxy': { jsonCpuUs: 1, eventCpuUs: 1 },
}
const OPTIONS = { recorded: RECORDED, isWritten: false }
const BROKEN = { errors: 1, error: 'a stream that lacks events' }

/** Loads of each part of the smoke run. */
const isWarmUp = ({ mode, ms }: LoadPlan): boolean => mode === 'stream' && ms === 2100
const isLive = ({ again }: LoadPlan): boolean => again !== undefined
const isLook = ({ mode, warm }: LoadPlan): boolean => mode === 'json' && warm === 200

const breakAt =
  (who: ContenderId, isBroken: (plan: LoadPlan) => boolean): Loaded =>
  (id, plan) =>
    id === who && isBroken(plan) ? BROKEN : {}

beforeEach(keepQuiet)

describe('a failure of Keystow', () => {
  it.each([
    ['in the warm-up', isWarmUp, 'Keystow, warm-up: '],
    ['in the figures', isLook, 'Keystow, JSON requests, then streams: '],
    ['in the streams that come and go', isLive, 'Keystow, 200 streams that come and go: '],
  ])('%s is a complaint', async (_where, isBroken, begin) => {
    const { failed } = await runSmoke(fakeStage({ loaded: breakAt('keystow', isBroken) }), OPTIONS)
    expect(failed).toEqual([`${begin}1 errors, the first: a stream that lacks events`])
  })

  it('to start is a complaint', async () => {
    const { failed } = await runSmoke(fakeStage({ down: (id) => id === 'keystow' }), OPTIONS)
    expect(failed).toEqual(['Keystow, start: did not serve'])
  })

  it('is none of a rival', async () => {
    for (const isBroken of [isWarmUp, isLive]) {
      const stage = fakeStage({ loaded: breakAt('http-proxy', isBroken) })
      expect(await runSmoke(stage, OPTIONS)).toMatchObject({ failed: [], slower: [] })
    }
  })
})

it('has nothing to complain of where nothing is wrong', async () => {
  expect(await runSmoke(fakeStage(), OPTIONS)).toMatchObject({ failed: [], slower: [] })
})

it('pairs the rounds of a second look with each other, although a rival failed in the first', async () => {
  const looks = new Map<ContenderId, number>()
  const stage = fakeStage({
    loaded(id, plan) {
      if (!isLook(plan)) return {}
      const look = (looks.get(id) ?? 0) + 1
      looks.set(id, look)
      // Keystow is slow in the first look, of which the rivals have but one round.
      if (id === 'keystow') return { cpuUs: look <= 4 ? 900_000 : 300_000 }
      return look === 2 ? BROKEN : {}
    },
  })
  const { figures, failed, slower } = await runSmoke(stage, OPTIONS)
  expect(figures.table['http-proxy']?.jsonCpuUs).toEqual([10, null, null, null, 10, 10])
  expect(figures.table.keystow?.jsonCpuUs).toEqual([30, 30, 30, 30, 10, 10])
  expect({ failed, slower }).toEqual({ failed: [], slower: [] })
})
