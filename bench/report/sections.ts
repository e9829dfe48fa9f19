import type { ContenderId } from '../contenders/contender.ts'
import { CONTENDERS, LABELS } from '../contenders/contenders.ts'
import { type FigureTable, ratioOf, spreadOf } from '../figures.ts'
import { STREAM_COUNTS } from '../metrics.ts'
import { RIVALS, type RecordedRatios, SMOKE_METRICS } from '../verdict.ts'
import { type Column, renderTable } from './table.ts'

export type Language = 'en' | 'zh'

const ALL: readonly ContenderId[] = ['direct', ...CONTENDERS.map(({ id }) => id)]

const TEXTS = {
  en: {
    plot: 'Processor time and memory of Keystow beside others',
    json: 'µs a JSON request',
    event: 'µs an SSE event',
    tls: 'the two with TLS to the upstream',
    memory: 'kB a stream, 4,000 open',
    added: 'event delay p50 / p99, ms',
    first: 'first event p50 / p99, ms',
    leave: 'client leaves → upstream p99, ms',
    times: (rival: string) => `Keystow ÷ ${rival} (recorded)`,
  },
  zh: {
    plot: 'Keystow 与其他代理的处理器时间和内存',
    json: '每个 JSON 请求，µs',
    event: '每个 SSE 事件，µs',
    tls: '上游用 TLS 时的这两项',
    memory: '4,000 条流时每条占内存，kB',
    added: '事件延迟 p50 / p99，ms',
    first: '首个事件 p50 / p99，ms',
    leave: '客户端离开 → 上游 p99，ms',
    times: (rival: string) => `Keystow ÷ ${rival}（记录值）`,
  },
} as const

/** What the READMEs show: the plot, and the figures that matter most. */
export function readmeSection(table: FigureTable, language: Language): string {
  const text = TEXTS[language]
  const columns: Column[] = [
    { title: text.json, metrics: ['jsonCpuUs'], digits: 1 },
    { title: text.event, metrics: ['eventCpuUs'], digits: 1 },
    { title: text.tls, metrics: ['jsonTlsCpuUs', 'eventTlsCpuUs'], digits: 1 },
    { title: text.memory, metrics: ['heldKb4000'], digits: 0 },
    { title: text.added, metrics: ['addedP50Ms', 'addedP99Ms'], digits: 2 },
    { title: text.first, metrics: ['firstP50Ms', 'firstP99Ms'], digits: 2 },
    { title: text.leave, metrics: ['leaveP99Ms'], digits: 2 },
  ]
  return `![${text.plot}](docs/benchmark.svg)\n\n${renderTable(table, ALL, columns)}`
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
  const rows = RIVALS.flatMap((rival) => {
    const cells = SMOKE_METRICS.map((metric) => {
      const ratio = ratioOf(table, metric, ['keystow', rival])
      return `${ratio?.toFixed(2) ?? '–'} (${recorded[rival]?.[metric]?.toFixed(2) ?? '–'})`
    })
    if (table[rival] === undefined) return []
    return [`| ${text.times(LABELS[rival])} | ${cells.join(' | ')} |${rest}`]
  })
  const times = renderTable(table, ALL, [
    { title: text.json, metrics: ['jsonCpuUs'], digits: 1, hasSpread: true },
    { title: text.event, metrics: ['eventCpuUs'], digits: 1, hasSpread: true },
    { title: text.first, metrics: ['firstP50Ms', 'firstP99Ms'], digits: 2 },
  ])
  return [times, ...rows].join('\n')
}

const COST: readonly Column[] = [
  { title: 'µs a JSON request', metrics: ['jsonCpuUs'], digits: 1, hasSpread: true },
  { title: 'µs an SSE event', metrics: ['eventCpuUs'], digits: 1, hasSpread: true },
  { title: 'TLS: µs a request', metrics: ['jsonTlsCpuUs'], digits: 1, hasSpread: true },
  { title: 'TLS: µs an event', metrics: ['eventTlsCpuUs'], digits: 1, hasSpread: true },
  { title: 'JSON requests a second', metrics: ['jsonPerSecond'], digits: 0 },
]

const FEEL: readonly Column[] = [
  { title: 'event p50', metrics: ['addedP50Ms'], digits: 2 },
  { title: 'event p99', metrics: ['addedP99Ms'], digits: 2, hasSpread: true },
  { title: 'first event p50', metrics: ['firstP50Ms'], digits: 2 },
  { title: 'first event p99', metrics: ['firstP99Ms'], digits: 2, hasSpread: true },
  { title: 'gap of 50 ms, p99', metrics: ['gapP99Ms'], digits: 1 },
  {
    title: '200 at once: first event p50 / p99',
    metrics: ['togetherFirstP50Ms', 'togetherFirstP99Ms'],
    digits: 2,
  },
  { title: '500 × 50 a second: event p99', metrics: ['busyP99Ms'], digits: 2, hasSpread: true },
  { title: 'leave → upstream p50 / p99', metrics: ['leaveP50Ms', 'leaveP99Ms'], digits: 2 },
  { title: 'beside 20 MB bodies: longest', metrics: ['bodyMaxMs'], digits: 1, hasSpread: true },
]

const MEMORY: readonly Column[] = [
  { title: 'kB a stream, 4,000 open', metrics: ['heldKb4000'], digits: 1, hasSpread: true },
  { title: 'start → first answer, ms', metrics: ['startMs'], digits: 0, hasSpread: true },
  { title: 'heap kept after 8,000 streams, MB', metrics: ['heapBackMb'], digits: 1 },
  { title: 'two workers carry, × one', metrics: ['twoWorkersTimes'], digits: 2 },
]

const BAD: readonly Column[] = [
  { title: '100 stopped readers: MB', metrics: ['stalledMb'], digits: 0 },
  { title: 'others’ p99', metrics: ['stalledP99Ms'], digits: 2 },
  { title: '4 floods: MB', metrics: ['floodMb'], digits: 0 },
  { title: 'others’ p99', metrics: ['floodP99Ms'], digits: 2 },
  { title: '10,000 silent: MB', metrics: ['silentMb'], digits: 0 },
  { title: 'others’ p99', metrics: ['silentP99Ms'], digits: 2 },
]

/** Everything, for docs/benchmark.md. */
export function detailedSection(table: FigureTable, about: readonly string[]): string {
  const part = (title: string, text: string): string => `### ${title}\n\n${text}`
  return [
    about.map((line) => `- ${line}`).join('\n'),
    part('Processor time', renderTable(table, ALL, COST)),
    part('As many times nginx', renderTimes(table)),
    part('What a user feels, ms', renderTable(table, ALL, FEEL)),
    part('Memory and start', renderTable(table, ALL, MEMORY)),
    part('Bad input, ms and MB', renderTable(table, ALL, BAD)),
    part('How cost grows with streams', renderGrowth(table)),
  ].join('\n\n')
}

function renderTimes(table: FigureTable): string {
  const metrics = ['jsonCpuUs', 'eventCpuUs', 'jsonTlsCpuUs', 'eventTlsCpuUs'] as const
  const rows = ALL.slice(2).flatMap((id) => {
    const cells = metrics.map((metric) => ratioOf(table, metric, [id, 'nginx'])?.toFixed(2) ?? '–')
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
      spreadOf(table, id, `heldCpuUs${count}`)?.median.toFixed(1) ?? '–',
      spreadOf(table, id, `heldKb${count}`)?.median.toFixed(1) ?? '–',
    ])
    return `| ${count} | ${cells.join(' | ')} |`
  })
  const head = `| streams | ${titles.join(' | ')} |`
  return [head, `|---:|${'---:|'.repeat(titles.length)}`, ...rows].join('\n')
}
