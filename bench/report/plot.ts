import type { ContenderId } from '../contenders/contender.ts'
import { CONTENDERS, LABELS } from '../contenders/contenders.ts'
import { type FigureTable, type Spread, spreadOf } from '../figures.ts'
import type { Metric } from '../metrics.ts'
import { NONE } from './table.ts'

const IDS: readonly ContenderId[] = CONTENDERS.map(({ id }) => id)

const PANELS: readonly { readonly title: string; readonly metric: Metric }[] = [
  { title: 'µs a JSON request', metric: 'jsonCpuUs' },
  { title: 'µs an SSE event', metric: 'eventCpuUs' },
  { title: 'kB a stream, 4,000 open', metric: 'heldKb4000' },
]

const WIDTH = 900
const LABEL_WIDTH = 190
const PANEL_GAP = 24
const VALUE_WIDTH = 44
const TOP = 44
const ROW_HEIGHT = 30
const BAR_HEIGHT = 16
const BOTTOM = 30

const PANEL_WIDTH = (WIDTH - LABEL_WIDTH) / PANELS.length - PANEL_GAP
const BAR_WIDTH = PANEL_WIDTH - VALUE_WIDTH

const NOTE = 'Shorter is better. Bars: median of the rounds; lines: from the least to the most.'

/** Grey on nothing is legible on a white page and on a black one; the query only makes it better. */
const STYLE = `
  text { font: 13px -apple-system, 'Segoe UI', Helvetica, Arial, sans-serif; fill: #6e7781 }
  .title { font-weight: 600 }
  .note { font-size: 11px }
  .bar { fill: #8c959f }
  .own { fill: #1f7a8c }
  .name { fill: #1f7a8c; font-weight: 600 }
  .range { stroke: #424a53; stroke-width: 1.5 }
  @media (prefers-color-scheme: dark) {
    text { fill: #9da7b3 }
    .bar { fill: #6e7681 }
    .own { fill: #3fb6cc }
    .name { fill: #3fb6cc }
    .range { stroke: #d0d7de }
  }
`

/** Bars of the three figures that say most, with the least and the most of all rounds as a line. */
export function drawPlot(table: FigureTable): string {
  const ids = IDS.filter((id) => table[id] !== undefined)
  const height = TOP + ids.length * ROW_HEIGHT + BOTTOM
  const labels = ids.map((id, row) =>
    drawText(id === 'keystow' ? 'name' : '', LABELS[id], {
      x: LABEL_WIDTH - 12,
      y: middleOf(row) + 4,
      anchor: 'end',
    }),
  )
  const panels = PANELS.map((_, at) => drawPanel(table, ids, at))
  const note = drawText('note', NOTE, { x: LABEL_WIDTH, y: height - 8 })
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img">
<title>Processor time and memory; shorter is better</title>
<style>${STYLE}</style>
${[...labels, ...panels, note].join('\n')}
</svg>
`
}

function drawPanel(table: FigureTable, ids: readonly ContenderId[], at: number): string {
  const { title, metric } = PANELS[at] ?? { title: '', metric: 'jsonCpuUs' }
  const left = LABEL_WIDTH + at * (PANEL_WIDTH + PANEL_GAP)
  const figures = ids.map((id) => spreadOf(table, id, metric) ?? NONE)
  const most = Math.max(...figures.map((figure) => (isSpread(figure) ? figure.max : 0)))
  const scale = (value: number): number => (BAR_WIDTH * value) / (most || 1)
  const bars = figures.map((figure, row) =>
    isSpread(figure)
      ? drawBar(figure, ids[row] === 'keystow', { left, row, scale })
      : drawText('', figure, { x: left + 4, y: middleOf(row) + 4 }),
  )
  return [drawText('title', title, { x: left, y: TOP - 18 }), ...bars].join('\n')
}

const isSpread = (figure: Spread | string): figure is Spread => typeof figure !== 'string'

interface Place {
  readonly left: number
  readonly row: number
  readonly scale: (value: number) => number
}

function drawBar(spread: Spread, isOwn: boolean, { left, row, scale }: Place): string {
  const { min, median, max } = spread
  const y = middleOf(row)
  const [from, to] = [left + scale(min), left + scale(max)].map((x) => x.toFixed(1))
  const digits = median < 100 ? 1 : 0
  return [
    `<rect class="bar${isOwn ? ' own' : ''}" x="${left.toFixed(1)}" y="${y - BAR_HEIGHT / 2}" width="${scale(median).toFixed(1)}" height="${BAR_HEIGHT}" rx="2"/>`,
    `<path class="range" d="M${from} ${y}H${to}"/>`,
    drawText(isOwn ? 'name' : '', median.toFixed(digits), { x: left + scale(max) + 6, y: y + 4 }),
  ].join('\n')
}

const middleOf = (row: number): number => TOP + row * ROW_HEIGHT + ROW_HEIGHT / 2

interface TextPlace {
  readonly x: number
  readonly y: number
  readonly anchor?: 'end'
}

function drawText(style: string, text: string, { x, y, anchor }: TextPlace): string {
  const attributes = anchor === undefined ? '' : ` text-anchor="${anchor}"`
  return `<text class="${style}" x="${x.toFixed(1)}" y="${y}"${attributes}>${escapeXml(text)}</text>`
}

const escapeXml = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
