import { describe, expect, it } from 'vitest'

import { type Aim, AIMS, judgeAim } from '../../bench/aims.ts'
import { type FigureTable, spread } from '../../bench/figures.ts'
import { aimsSection } from '../../bench/report/aims-table.ts'

const AT_MOST: Aim = { what: 'a', limit: 20, unit: 'ms', digits: 1, measure: () => [] }
const AT_LEAST: Aim = { ...AT_MOST, isLeast: true }

/** The cells behind the first of the first row that begins so. */
function rowOf(table: FigureTable, what: string): string[] {
  const row = aimsSection(table)
    .split('\n')
    .find((line) => line.startsWith(`| ${what}`))
  return (row ?? '')
    .split('|')
    .slice(2, -1)
    .map((cell) => cell.trim())
}

describe('judgeAim', () => {
  it.each([
    [[19, 20, 18], 'yes', 'no'],
    [[19, 21, 18], 'in the median only', 'no'],
    [[19, 21, 20.1], 'no', 'in the median only'],
    [[20, 22, 21], 'no', 'yes'],
    [[], 'not measured', 'not measured'],
    [[20, null, 20], 'no', 'no'],
  ])('of %j says %s for at most 20, %s for at least', (values, most, least) => {
    expect(judgeAim(AT_MOST, spread(values))).toBe(most)
    expect(judgeAim(AT_LEAST, spread(values))).toBe(least)
  })
})

describe('the table of aims', () => {
  const TABLE: FigureTable = {
    direct: { addedP50Ms: [0.02, 0.1] },
    nginx: { jsonCpuUs: [10, 20] },
    caddy: { jsonCpuUs: [60, 60], eventCpuUs: [20] },
    'node-alone': { jsonCpuUs: [25, 60] },
    keystow: {
      jsonCpuUs: [30, 70],
      eventCpuUs: [21],
      addedP50Ms: [0.12, 0.22, 9],
      heldKb8000: [31],
    },
  }

  it('compares round by round, and has who is beside Keystow', () => {
    const cells = ['≤ 3.2 × nginx', '3.25 (3.00–3.50)', 'no', '2.75 (2.50–3.00)']
    expect(rowOf(TABLE, 'processor time of a JSON request')).toEqual(cells)
  })

  it('takes a time without a proxy from that with one, where both were measured in a round', () => {
    const cells = ['≤ 0.15 ms', '0.11 (0.10–0.12)', 'yes', '–']
    expect(rowOf(TABLE, 'added to an event of 200 streams, p50')).toEqual(cells)
  })

  it('says that all streams were held where they were', () => {
    expect(rowOf(TABLE, 'streams held')).toEqual(['≥ 8000', '8000', 'yes', '–'])
    expect(rowOf({}, 'streams held')).toEqual(['≥ 8000', '–', 'not measured'])
  })

  it('says that they were not where one was lost', () => {
    const lost: FigureTable = { keystow: { heldKb8000: [null] } }
    expect(rowOf(lost, 'streams held')).toEqual(['≥ 8000', 'failed', 'no'])
  })

  it('says no where a round of Keystow’s failed, however good the others were', () => {
    const failed: FigureTable = {
      direct: { addedP50Ms: [0.02, 0.02] },
      nginx: { jsonCpuUs: [10, 10] },
      keystow: { jsonCpuUs: [30, null], addedP50Ms: [null, 0.03], startMs: [100, null] },
    }
    for (const what of ['processor time of a JSON', 'added to an event', 'start']) {
      expect(rowOf(failed, what).slice(1)).toEqual(['failed', 'no'])
    }
  })

  it('says that nothing was measured where only the other failed', () => {
    const failed: FigureTable = {
      nginx: { jsonCpuUs: [10, null] },
      keystow: { jsonCpuUs: [30, 30] },
    }
    expect(rowOf(failed, 'processor time of a JSON').slice(1)).toEqual(['–', 'not measured'])
  })

  it('says whether memory went on growing in the second half', () => {
    const grown: FigureTable = {
      keystow: {
        stalledEarlyMb: [104],
        stalledLateMb: [113.9],
        floodEarlyMb: [2],
        floodLateMb: [12.5],
        silentEarlyMb: [null],
        silentLateMb: [null],
      },
    }
    expect(rowOf(grown, 'memory with 100 stopped')).toEqual(['≤ 10 MB', '9.9', 'yes'])
    expect(rowOf(grown, 'memory with 4 floods')).toEqual(['≤ 10 MB', '10.5', 'no'])
    expect(rowOf(grown, 'memory with 10,000 silent')).toEqual(['≤ 10 MB', 'failed', 'no'])
  })

  it('counts the columns in which it is better than Caddy', () => {
    expect(rowOf(TABLE, 'better than Caddy')).toEqual(['all', '1 of 2', 'no', '1 of 1'])
    const better = { caddy: { jsonCpuUs: [60], eventCpuUs: [20] }, keystow: { jsonCpuUs: [1] } }
    expect(rowOf(better, 'better than Caddy')).toEqual(['all', '1 of 1', 'yes'])
    const failed = { ...better, keystow: { jsonCpuUs: [1], eventCpuUs: [1, null] } }
    expect(rowOf(failed, 'better than Caddy')).toEqual(['all', '1 of 2', 'no'])
    const beside = { ...failed, caddy: { jsonCpuUs: [60], eventCpuUs: [null] } }
    expect(rowOf(beside, 'better than Caddy')).toEqual(['all', '1 of 2', 'no'])
    const rival = { ...beside, keystow: { jsonCpuUs: [1], eventCpuUs: [1] } }
    expect(rowOf(rival, 'better than Caddy')).toEqual(['all', '1 of 1', 'yes'])
  })

  it('has a row for every aim, and invents none', () => {
    const rows = aimsSection({}).split('\n').slice(2)
    expect(rows).toHaveLength(AIMS.length + 1)
    expect(rows.every((row) => row.includes('| – | not measured |'))).toBe(true)
  })
})
