import { describe, expect, it } from 'vitest'

import type { FigureTable } from '../../bench/figures.ts'
import { judge, type RecordedRatios, recordRatios, updateRatios } from '../../bench/verdict.ts'

const RECORDED: RecordedRatios = {
  nginx: { jsonCpuUs: 3, eventCpuUs: 1.6 },
  'http-proxy': { jsonCpuUs: 0.6, eventCpuUs: 0.8 },
}

/** Three rounds of each, as they were recorded. */
const SAME: FigureTable = {
  nginx: { jsonCpuUs: [10, 11, 14], eventCpuUs: [10, 10, 10] },
  'http-proxy': { jsonCpuUs: [50, 55, 70], eventCpuUs: [20, 20, 20] },
  keystow: { jsonCpuUs: [30, 33, 42], eventCpuUs: [16, 16, 16] },
}

const keystow = (jsonCpuUs: number[], eventCpuUs = [16, 16, 16]): FigureTable => ({
  ...SAME,
  keystow: { jsonCpuUs, eventCpuUs },
})

describe('judge', () => {
  it('has no complaint about what was recorded', () => {
    expect(judge(SAME, RECORDED)).toEqual([])
  })

  it('complains of requests that cost more than half again as much', () => {
    expect(judge(keystow([47, 51, 65]), RECORDED)).toEqual([
      'jsonCpuUs: 4.64 times that of nginx; recorded are 3.00',
      'jsonCpuUs: 0.93 times that of http-proxy; recorded are 0.60',
    ])
  })

  it('complains of events that cost more than half again as much', () => {
    expect(judge(keystow([30, 33, 42], [25, 25, 25]), RECORDED)).toHaveLength(2)
  })

  it('tolerates a third more', () => {
    expect(judge(keystow([40, 44, 56]), RECORDED)).toEqual([])
  })

  it('takes one slow round for noise', () => {
    expect(judge(keystow([30, 330, 42]), RECORDED)).toEqual([])
  })

  it('divides round by round, so that a slow machine is no regression', () => {
    const slow: FigureTable = {
      nginx: { jsonCpuUs: [10, 100, 1000], eventCpuUs: [10, 10, 10] },
      keystow: { jsonCpuUs: [30, 300, 3000], eventCpuUs: [16, 16, 16] },
    }
    expect(judge(slow, RECORDED)).toEqual([])
  })

  it('does not complain when only one rival has become faster', () => {
    const faster: FigureTable = {
      ...SAME,
      nginx: { jsonCpuUs: [5, 5, 6], eventCpuUs: [5, 5, 5] },
    }
    expect(judge(faster, RECORDED)).toEqual([])
  })

  it('does not complain of a rival’s failed round, and compares those that are left in their place', () => {
    const failed: FigureTable = {
      nginx: { jsonCpuUs: [null, null, null], eventCpuUs: [null, null, null] },
      'http-proxy': { jsonCpuUs: [50, null, 500], eventCpuUs: [20, null, 20] },
      keystow: { jsonCpuUs: [30, 300, 300], eventCpuUs: [16, 16, 16] },
    }
    expect(judge(failed, RECORDED)).toEqual([])
  })

  it('goes by http-proxy alone where there is no nginx', () => {
    const { nginx: _, ...rest } = keystow([50, 55, 70])
    expect(judge(rest, RECORDED)).toHaveLength(1)
  })

  it('complains when Keystow could not be measured', () => {
    const { keystow: _, ...rest } = SAME
    expect(judge(rest, RECORDED)).toHaveLength(2)
  })
})

describe('recordRatios', () => {
  it('records nothing of a figure with a failed round', () => {
    const nginx = { jsonCpuUs: [10, null, 14], eventCpuUs: [10, 10, 10] }
    expect(recordRatios({ ...SAME, nginx }).nginx).toEqual({ eventCpuUs: 1.6 })
  })

  it('records what judge then has no complaint about', () => {
    const ratios = recordRatios(SAME)
    expect(ratios['http-proxy']).toEqual({ jsonCpuUs: 0.6, eventCpuUs: 0.8 })
    expect(judge(SAME, ratios)).toEqual([])
  })
})

describe('updateRatios', () => {
  const MEASURED: RecordedRatios = {
    nginx: { jsonCpuUs: 3.5, eventCpuUs: 1.4 },
    'http-proxy': { jsonCpuUs: 0.5, eventCpuUs: 0.9 },
  }

  it('keeps the lesser of what is recorded and what was measured, of each by itself', () => {
    expect(updateRatios(RECORDED, MEASURED, { isAnew: false })).toEqual({
      nginx: { jsonCpuUs: 3, eventCpuUs: 1.4 },
      'http-proxy': { jsonCpuUs: 0.5, eventCpuUs: 0.8 },
    })
  })

  it('takes what was measured in its place when it begins anew', () => {
    expect(updateRatios(RECORDED, MEASURED, { isAnew: true })).toEqual(MEASURED)
  })

  it.each([false, true])('keeps what was not measured (anew: %s)', (isAnew) => {
    const { nginx: _, ...rest } = MEASURED
    expect(updateRatios(RECORDED, rest, { isAnew }).nginx).toEqual(RECORDED.nginx)
  })

  it('records what nothing is recorded of', () => {
    expect(updateRatios({}, MEASURED, { isAnew: false })).toEqual(MEASURED)
  })

  it('never makes the verdict milder, whatever was measured', () => {
    const slow = keystow([47, 51, 65])
    const updated = updateRatios(RECORDED, recordRatios(slow), { isAnew: false })
    expect(updated).toEqual(RECORDED)
    expect(judge(slow, updated)).toHaveLength(2)
  })
})
