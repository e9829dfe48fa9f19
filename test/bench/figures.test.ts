import { readFileSync } from 'node:fs'

import { describe, expect, it } from 'vitest'

import {
  createFigures,
  FAILED,
  type FigureTable,
  middleRatioOf,
  pairRounds,
  ratiosOf,
  spread,
  spreadOf,
} from '../../bench/figures.ts'
import type { FullReport } from '../../bench/report/files.ts'
import { drawPlot } from '../../bench/report/plot.ts'
import { detailedSection, readmeSection, smokeSection } from '../../bench/report/sections.ts'

const METRIC = 'jsonCpuUs'

/** nginx failed in the middle, http-proxy never, and Caddy has never worked. */
const TABLE: FigureTable = {
  nginx: { [METRIC]: [10, null, 30] },
  caddy: { [METRIC]: [null] },
  'http-proxy': { [METRIC]: [50, 50, 50] },
  keystow: { [METRIC]: [40, 50, 60] },
}

describe('a failed round', () => {
  it('keeps its place among the others', () => {
    const figures = createFigures()
    figures.add('nginx', { startMs: 1 })
    figures.fail('nginx', ['startMs', 'warmMb'])
    figures.add('nginx', { startMs: 3 })
    expect(figures.table).toEqual({ nginx: { startMs: [1, null, 3], warmMb: [null] } })
  })

  it('makes the figure void', () => {
    expect(spread([1, null, 3])).toBe(FAILED)
    expect(spread([1, 3])).toMatchObject({ rounds: 2 })
    expect(spread([])).toBeUndefined()
  })

  it('shifts no other: what is paired was measured in the same round', () => {
    expect(pairRounds(TABLE, METRIC, ['keystow', 'nginx'])).toEqual([
      [40, 10],
      [60, 30],
    ])
    expect(middleRatioOf(TABLE, METRIC, ['keystow', 'nginx'])).toBe(3)
  })

  it('makes ratios void: of who failed, and beside who failed', () => {
    expect(spread(ratiosOf(TABLE, METRIC, ['nginx', 'keystow']))).toBe(FAILED)
    expect(ratiosOf(TABLE, METRIC, ['keystow', 'nginx'])).toEqual([])
    expect(ratiosOf(TABLE, METRIC, ['keystow', 'http-proxy'])).toEqual([0.8, 1, 1.2])
    expect(spread(ratiosOf(TABLE, METRIC, ['caddy', 'haproxy']))).toBe(FAILED)
  })

  it('is called so in every table, and in the plot', () => {
    expect(readmeSection(TABLE, 'en')).toContain('| nginx | failed |')
    const detailed = detailedSection(TABLE, [])
    expect(detailed).toContain('| Caddy | failed |')
    expect(detailed).toContain('| Keystow | – | – | – | – |')
    const smoke = smokeSection(TABLE, { nginx: { jsonCpuUs: 2 } }, 'en')
    expect(smoke).toContain('| Keystow ÷ nginx; the least recorded | –; 2.00 |')
    expect(drawPlot(TABLE)).toContain('>failed</text>')
    const felt = { addedP50Ms: [null], addedP99Ms: [null], firstP50Ms: [1], firstP99Ms: [null] }
    expect(readmeSection({ keystow: felt }, 'en')).toContain('| failed | 1.00 / failed |')
  })

  it('is in the file of every value, and comes back from there', () => {
    const read: FigureTable = JSON.parse(JSON.stringify(TABLE))
    expect(spreadOf(read, 'nginx', METRIC)).toBe(FAILED)
    expect(readmeSection(read, 'en')).toBe(readmeSection(TABLE, 'en'))
  })
})

it('reads the file that is in the repository', () => {
  const file = new URL('../../bench/results/full.json', import.meta.url)
  const { table, about }: FullReport = JSON.parse(readFileSync(file, 'utf8'))
  expect(detailedSection(table, about)).toMatch(/\| \*\*Keystow\*\* \| \d/)
  expect(`${detailedSection(table, about)}${drawPlot(table)}`).not.toMatch(/NaN|undefined/)
})
