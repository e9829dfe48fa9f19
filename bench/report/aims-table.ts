import { type Aim, AIMS, BETTER_THAN, judgeAim, type Verdict } from '../aims.ts'
import type { ContenderId } from '../contenders/contender.ts'
import { LABELS } from '../contenders/contenders.ts'
import { FAILED, type Figure, type FigureTable, spread, spreadOf } from '../figures.ts'
import { readmeColumns } from './readme-columns.ts'
import { NONE, showSpread } from './table.ts'

/** What Node makes of the same without Keystow. */
const BESIDE = ['node-alone', 'http-proxy'] as const satisfies readonly ContenderId[]

/** What is aimed at, what was measured, and whether that is reached. */
export function aimsSection(table: FigureTable): string {
  const rivals = BESIDE.filter((id) => table[id] !== undefined)
  const titles = ['aim', LABELS.keystow, 'reached', ...rivals.map((id) => LABELS[id])]
  const rows = [...AIMS.map((aim) => rowOf(aim, table)), betterRow(table)].map(
    ({ what, aim, verdict, show }) => {
      const cells = [aim, show('keystow'), verdict, ...rivals.map(show)]
      return `| ${what} | ${cells.join(' | ')} |`
    },
  )
  return [
    `| | ${titles.join(' | ')} |`,
    `|---|---:|---:|---|${'---:|'.repeat(rivals.length)}`,
    ...rows,
  ].join('\n')
}

interface Row {
  readonly what: string
  readonly aim: string
  readonly verdict: Verdict
  readonly show: (id: ContenderId) => string
}

function rowOf(aim: Aim, table: FigureTable): Row {
  const { what, limit, isLeast = false, unit, digits } = aim
  const measured = (id: ContenderId) => spread(aim.measure(table, id))
  return {
    what,
    aim: `${isLeast ? '≥' : '≤'} ${limit} ${unit}`.trim(),
    verdict: judgeAim(aim, measured('keystow')),
    show: (id) => showSpread(measured(id), digits),
  }
}

/** By medians: in how many columns of those that both have. One that failed is not better in any. */
function betterRow(table: FigureTable): Row {
  const rival = LABELS[BETTER_THAN]
  const own = countBetter(table, 'keystow')
  return {
    what: `better than ${rival}, columns of the README’s table`,
    aim: 'all',
    verdict: own.of === 0 ? 'not measured' : own.better === own.of ? 'yes' : 'no',
    show(id) {
      const { better, of } = countBetter(table, id)
      return of === 0 ? NONE : `${better} of ${of}`
    },
  }
}

function countBetter(table: FigureTable, id: ContenderId): { better: number; of: number } {
  const pairs = readmeColumns('en')
    .flatMap(({ metrics }) => metrics)
    .flatMap((metric) => {
      const [own, rival] = [spreadOf(table, id, metric), spreadOf(table, BETTER_THAN, metric)]
      return own === undefined || rival === undefined ? [] : isLess(own, rival)
    })
  return { better: pairs.filter(Boolean).length, of: pairs.length }
}

/** Nothing where only the rival failed: beside what did not work everything would be better. */
function isLess(own: Figure, rival: Figure): boolean[] {
  if (own === FAILED) return [false]
  return rival === FAILED ? [] : [own.median < rival.median]
}
