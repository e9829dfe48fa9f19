import { readFileSync } from 'node:fs'

import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'

import type { LoadPlan, LoadResult } from '../../bench/rig/load.ts'
import type { Target } from '../../bench/rig/stage.ts'
import { badInput, SILENT } from '../../bench/scenarios/bad-input.ts'
import { OTHERS } from '../../bench/scenarios/others.ts'
import { largeBodies } from '../../bench/scenarios/what-users-feel.ts'
import { fakeTarget } from '../helpers/bench.ts'

const US = { count: 2, mean: 250_000, p50: 1000, p99: 3000, max: 9000 }

/** Of a load that went well. */
const WELL = { seconds: 2.5, bytes: 5_000_000, latency: US, added: US }

/** Answers every load with its result at once; counts those that nobody has ended. */
function createTarget(loaded: (plan: LoadPlan) => Partial<LoadResult> = () => ({})): {
  readonly target: Target
  readonly running: () => number
} {
  let running = 0
  const fake = fakeTarget('nginx', (_, plan) => ({ ...WELL, ...loaded(plan) }))
  return {
    running: () => running,
    target: {
      ...fake,
      startLoad(plan) {
        const load = fake.startLoad(plan)
        if (plan.ms !== undefined) return load
        running++
        return {
          ...load,
          stop() {
            running--
            return load.stop()
          },
        }
      },
    },
  }
}

describe('bad input', () => {
  it('tells how long others wait, and how much the floods pass', async () => {
    const measured = await badInput(1).run(createTarget().target)
    expect(measured).toEqual({
      stalledP99Ms: 3,
      floodP99Ms: 3,
      floodMbPerSecond: 2,
      silentP99Ms: 3,
    })
  })

  it.each([
    ['stopped readers', 'stream', { alive: 99, closedByPeer: 1 }, '1 of 100'],
    ['silent connections', 'idle', { alive: 9800, closedByPeer: 200 }, '200 of 10000'],
    ['silent connections that stay away', 'idle', { alive: 9999 }, '1 of 10000'],
  ])('is no figure where %s are cut, and leaves no load behind', async (_, mode, cut, told) => {
    const { target, running } = createTarget((plan) =>
      plan.mode === mode && plan.ms !== undefined ? cut : {},
    )
    await expect(badInput(1).run(target)).rejects.toThrow(`${told} connections did not stay`)
    expect(running()).toBe(0)
  })

  it('is within the limits that Keystow has in the benchmark', () => {
    const file = new URL('../../bench/contenders/keystow.yaml', import.meta.url)
    const limits: Record<string, number> = parse(readFileSync(file, 'utf8'))
    for (const name of ['connectionLimit', 'connectionLimitPerAddress']) {
      expect(limits[name]).toBeGreaterThan(SILENT.conns + OTHERS.conns)
    }
  })
})

describe('bodies of 20 MB', () => {
  it('are counted by how long each takes', async () => {
    const measured = await largeBodies(1).run(createTarget().target)
    expect(measured).toEqual({ bodyMaxMs: 9, bodiesPerSecond: 4 })
  })

  it('are no figure where none was answered', async () => {
    const { target } = createTarget((plan) =>
      plan.mode === 'json' ? { latency: { count: 0 } } : {},
    )
    await expect(largeBodies(1).run(target)).rejects.toThrow('no body was answered')
  })

  it('that fail leave no load behind', async () => {
    const { target, running } = createTarget((plan) =>
      plan.mode === 'json' ? { errors: 1, error: 'HTTP/1.1 413' } : {},
    )
    await expect(largeBodies(1).run(target)).rejects.toThrow('HTTP/1.1 413')
    expect(running()).toBe(0)
  })
})
