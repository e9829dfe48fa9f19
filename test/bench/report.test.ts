import { describe, expect, it } from 'vitest'

import { createFigures, type FigureTable, spreadOf } from '../../bench/figures.ts'
import { replaceSection } from '../../bench/report/files.ts'
import { drawPlot } from '../../bench/report/plot.ts'
import { detailedSection, readmeSection, smokeSection } from '../../bench/report/sections.ts'

const TABLE: FigureTable = {
  direct: { addedP50Ms: [0.02], addedP99Ms: [0.1] },
  nginx: { jsonCpuUs: [13, 12, 15], eventCpuUs: [10], addedP50Ms: [0.05], addedP99Ms: [0.2] },
  keystow: { jsonCpuUs: [40, 36, 42], eventCpuUs: [16], heldKb4000: [33] },
}

/** The cells of each row, by its first cell. */
const rowsOf = (markdown: string): Map<string, string[]> =>
  new Map(
    markdown
      .split('\n')
      .filter((line) => line.startsWith('|'))
      .map((line) => line.split('|').map((cell) => cell.trim()))
      .map(([, first = '', ...cells]) => [first, cells.slice(0, -1)]),
  )

describe('createFigures', () => {
  it('keeps every value, and shows the least, the middle and the most', () => {
    const figures = createFigures()
    for (const value of [3, 1, 2]) figures.add('nginx', { startMs: value })
    expect(figures.table).toEqual({ nginx: { startMs: [3, 1, 2] } })
    expect(spreadOf(figures.table, 'nginx', 'startMs')).toEqual({
      min: 1,
      median: 2,
      max: 3,
      rounds: 3,
    })
    expect(spreadOf(figures.table, 'caddy', 'startMs')).toBeUndefined()
  })
})

describe('the tables', () => {
  it('have a row for whoever was measured, and a dash for what was not', () => {
    const rows = rowsOf(readmeSection(TABLE, 'en'))
    expect([...rows.keys()]).toEqual(['', '---', 'direct', 'nginx', '**Keystow**'])
    expect(rows.get('nginx')).toEqual(['13.0 (12.0–15.0)', '10.0', '–', '0.05 / 0.20'])
    expect(rows.get('**Keystow**')).toEqual(['40.0 (36.0–42.0)', '16.0', '33', '–'])
  })

  it('have the same figures in both languages', () => {
    const [english, chinese] = [readmeSection(TABLE, 'en'), readmeSection(TABLE, 'zh')]
    expect([...rowsOf(chinese)].slice(2)).toEqual([...rowsOf(english)].slice(2))
  })

  it('show the spread in detail', () => {
    const text = detailedSection(TABLE, ['two cores'])
    expect(text).toContain('- two cores')
    expect(text).toContain('| nginx | 13.0 (12.0–15.0) | 10.0 |')
    expect(rowsOf(text).get('Keystow')).toEqual(['3.00 (2.80–3.08)', '1.60', '–', '–'])
  })

  it('show the spread of every figure that has more than one round, also where it is none', () => {
    const silent = { silentP99Ms: [22.15, 9.356], floodMb: [0, 0] }
    const rows = rowsOf(detailedSection({ keystow: silent }, []))
    expect(rows.get('**Keystow**')).toEqual(['0 (0–0)', '15.75 (9.36–22.15)'])
    const kept = rowsOf(detailedSection({ keystow: { heapBackMb: [-0.02, 1.2, -3.44] } }, []))
    expect(kept.get('**Keystow**')).toEqual(['0.0 (−3.4–1.2)'])
  })

  it('show whether memory goes on growing where that was measured', () => {
    const TITLE = 'Bad input for 15 s'
    expect(detailedSection(TABLE, [])).not.toContain(TITLE)
    const text = detailedSection({ keystow: { stalledEarlyMb: [81], stalledLateMb: [82] } }, [])
    expect(text).toContain(TITLE)
    expect(rowsOf(text).get('**Keystow**')).toEqual(['81 / 82'])
  })

  it('show what passes beside how long others wait', () => {
    const bad = { floodP99Ms: [3], floodMbPerSecond: [120], bodyMaxMs: [16], bodiesPerSecond: [7] }
    const text = detailedSection({ keystow: bad }, [])
    expect(text).toContain('| 3.00 | 120 |')
    expect(text).toContain('| 16.0 | 7.0 |')
  })

  it('show what a second worker brings and takes, of events and of requests', () => {
    expect(detailedSection(TABLE, [])).not.toContain('Two workers')
    const workers = {
      twoWorkersTimes: [1.9],
      twoWorkersCpuTimes: [1.1],
      twoWorkersJsonTimes: [1.7],
      twoWorkersJsonCpuTimes: [1.2],
    }
    const text = detailedSection({ keystow: workers }, [])
    expect(text).toContain('### Two workers')
    expect(rowsOf(text).get('**Keystow**')).toEqual(['1.90', '1.10', '1.70', '1.20'])
  })

  it('name who is left out of a smoke run', () => {
    const { nginx: _, ...rest } = TABLE
    const text = smokeSection({ ...rest, 'http-proxy': { jsonCpuUs: [50] } }, {}, 'en')
    expect(text).toContain('\n\nnginx is left out')
    expect(text).not.toContain('http-proxy + rate-limit is left out')
  })

  it('set a smoke run beside what is recorded', () => {
    const rows = rowsOf(smokeSection(TABLE, { nginx: { jsonCpuUs: 2.5, eventCpuUs: 1.5 } }, 'en'))
    expect(rows.get('Keystow ÷ nginx; the least recorded')).toEqual([
      '3.00 (2.80–3.08); 2.50',
      '1.60; 1.50',
    ])
  })

  it('show with it what is felt, also without a proxy', () => {
    const felt = { firstP50Ms: [0.2], firstP99Ms: [1.5] }
    const table = { ...TABLE, direct: felt, keystow: { ...TABLE.keystow, ...felt } }
    const rows = rowsOf(smokeSection(table, {}, 'en'))
    expect(rows.get('direct')).toEqual(['–', '–', '0.20 / 1.50'])
    expect(rows.get('**Keystow**')?.at(-1)).toBe('0.20 / 1.50')
    expect(rows.get('Keystow ÷ nginx; the least recorded')?.at(-1)).toBe('–')
  })
})

describe('drawPlot', () => {
  it('draws a bar for each figure that there is', () => {
    const svg = drawPlot(TABLE)
    expect(svg.match(/<rect /g)).toHaveLength(5)
    expect(svg.match(/class="bar own"/g)).toHaveLength(3)
    expect(svg).toContain('prefers-color-scheme: dark')
    expect(svg).not.toMatch(/NaN|undefined|Infinity/)
  })
})

describe('replaceSection', () => {
  const text = 'a\n<!-- bench:smoke -->\nold\n<!-- /bench:smoke -->\nz\n'

  it('changes what stands between the markers, and nothing else', () => {
    const once = replaceSection(text, 'smoke', 'new $& one')
    expect(once).toBe(text.replace('old', () => 'new $& one'))
    expect(replaceSection(once, 'smoke', 'old')).toBe(text)
  })

  it('says so when there are no markers', () => {
    expect(() => replaceSection(text, 'full', 'new')).toThrow('bench:full')
  })
})
