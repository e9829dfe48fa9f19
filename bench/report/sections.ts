import type { ContenderId } from '../contenders/contender.ts'
import { CONTENDERS, LABELS } from '../contenders/contenders.ts'
import { type FigureTable, ratiosOf, spread, spreadOf } from '../figures.ts'
import { STREAM_COUNTS } from '../metrics.ts'
import { RIVALS, type RecordedRatios, SMOKE_METRICS } from '../verdict.ts'
import { BAD, COST, FEEL, LONGER, MEMORY, WORKERS } from './columns.ts'
import { type Language, readmeColumns, TEXTS } from './readme-columns.ts'
import { NONE, renderTable, showSpread } from './table.ts'

const ALL: readonly ContenderId[] = ['direct', ...CONTENDERS.map(({ id }) => id)]

/** What the READMEs show: the plot, and the figures that matter most. */
export function readmeSection(table: FigureTable, language: Language): string {
  const tableText = renderTable(table, ALL, readmeColumns(language))
  return `![${TEXTS[language].plot}](docs/benchmark.svg)\n\n${tableText}`
}

/** What the smoke run measured, and what it is held against. */
export function smokeSection(
  table: FigureTable,
  recorded: RecordedRatios,
  language: Language,
): string {
  const text = TEXTS[language]
  // What is felt is compared with nothing.
  const isFelt = ALL.some((id) => spreadOf(table, id, 'firstP50Ms') !== undefined)
  const rest = isFelt ? ' – |' : ''
  const isMeasured = (rival: ContenderId): boolean => table[rival] !== undefined
  const rows = RIVALS.filter(isMeasured).map((rival) => {
    const cells = SMOKE_METRICS.map((metric) => {
      const ratio = spread(ratiosOf(table, metric, ['keystow', rival]))
      return `${showSpread(ratio, 2)}; ${recorded[rival]?.[metric]?.toFixed(2) ?? NONE}`
    })
    return `| ${text.times(LABELS[rival])} | ${cells.join(' | ')} |${rest}`
  })
  const leftOut = RIVALS.filter((rival) => !isMeasured(rival)).map(
    (rival) => `\n${text.leftOut(LABELS[rival])}`,
  )
  const times = renderTable(table, ALL, [
    { title: text.json, metrics: ['jsonCpuUs'], digits: 1 },
    { title: text.event, metrics: ['eventCpuUs'], digits: 1 },
    { title: text.first, metrics: ['firstP50Ms', 'firstP99Ms'], digits: 2 },
  ])
  return [times, ...rows, ...leftOut].join('\n')
}

const WORKERS_TITLE = 'Two workers, × one'
const LONGER_TITLE = 'Bad input for 15 s, MB at most in the first half / in the second'

/** Everything, for docs/benchmark.md. */
export function detailedSection(table: FigureTable, about: readonly string[]): string {
  const part = (title: string, text: string): string => `### ${title}\n\n${text}`
  return [
    about.map((line) => `- ${line}`).join('\n'),
    part('Processor time', renderTable(table, ALL, COST)),
    part('As many times nginx', renderTimes(table)),
    part('What a user feels, ms', renderTable(table, ALL, FEEL)),
    part('Memory and start', renderTable(table, ALL, MEMORY)),
    ...(table.keystow?.twoWorkersTimes === undefined
      ? []
      : [part(WORKERS_TITLE, renderTable(table, ALL, WORKERS))]),
    part('Bad input, ms and MB', renderTable(table, ALL, BAD)),
    ...(table.keystow?.stalledLateMb === undefined
      ? []
      : [part(LONGER_TITLE, renderTable(table, ALL, LONGER))]),
    part('How cost grows with streams', renderGrowth(table)),
  ].join('\n\n')
}

function renderTimes(table: FigureTable): string {
  const metrics = ['jsonCpuUs', 'eventCpuUs', 'jsonTlsCpuUs', 'eventTlsCpuUs'] as const
  const rows = ALL.slice(2).flatMap((id) => {
    const cells = metrics.map((metric) =>
      showSpread(spread(ratiosOf(table, metric, [id, 'nginx'])), 2),
    )
    return table[id] === undefined ? [] : [`| ${LABELS[id]} | ${cells.join(' | ')} |`]
  })
  const head = '| | JSON request | SSE event | TLS: JSON request | TLS: SSE event |'
  return [head, `|---|${'---:|'.repeat(metrics.length)}`, ...rows].join('\n')
}

function renderGrowth(table: FigureTable): string {
  const ids = (['nginx', 'keystow'] as const).filter((id) => table[id] !== undefined)
  const titles = ids.flatMap((id) => [`${LABELS[id]}: µs an event`, `${LABELS[id]}: kB a stream`])
  const rows = STREAM_COUNTS.map((count) => {
    const cells = ids.flatMap((id) => [
      showSpread(spreadOf(table, id, `heldCpuUs${count}`), 1),
      showSpread(spreadOf(table, id, `heldKb${count}`), 1),
    ])
    return `| ${count} | ${cells.join(' | ')} |`
  })
  const head = `| streams | ${titles.join(' | ')} |`
  return [head, `|---:|${'---:|'.repeat(titles.length)}`, ...rows].join('\n')
}
