import { readFileSync, writeFileSync } from 'node:fs'

import type { FigureTable } from '../figures.ts'
import type { RecordedRatios } from '../verdict.ts'
import { aimsSection } from './aims-table.ts'
import { drawPlot } from './plot.ts'
import type { Language } from './readme-columns.ts'
import { detailedSection, readmeSection, smokeSection } from './sections.ts'

const ROOT = new URL('../../', import.meta.url)
const READMES: readonly (readonly [file: string, language: Language])[] = [
  ['README.md', 'en'],
  ['README.zh-CN.md', 'zh'],
]
const RECORDED = 'bench/recorded.json'

export interface FullReport {
  readonly table: FigureTable
  /** What was measured with which, on what, and what was left out. */
  readonly about: readonly string[]
}

/** The ratios that are in the repository. */
export function readRecorded(): RecordedRatios {
  const recorded: RecordedRatios = JSON.parse(readText(RECORDED))
  return recorded
}

export function writeRecorded(ratios: RecordedRatios): void {
  writeText(RECORDED, `${JSON.stringify(ratios, null, 2)}\n`)
}

export function writeSmoke(table: FigureTable, recorded: RecordedRatios): void {
  for (const [file, language] of READMES) {
    writeSection(file, 'smoke', smokeSection(table, recorded, language))
  }
}

/** The READMEs, the document, the plot, and every value as it was measured. */
export function writeFull({ table, about }: FullReport): void {
  for (const [file, language] of READMES) {
    writeSection(file, 'full', readmeSection(table, language))
  }
  writeSection('docs/benchmark.md', 'aims', aimsSection(table))
  writeSection('docs/benchmark.md', 'full', detailedSection(table, about))
  writeText('docs/benchmark.svg', drawPlot(table))
  writeText('bench/results/full.json', `${JSON.stringify({ about, table }, null, 1)}\n`)
}

/** What stands between `<!-- bench:name -->` and its end becomes the content. */
export function replaceSection(text: string, name: string, content: string): string {
  const [open, close] = [`<!-- bench:${name} -->`, `<!-- /bench:${name} -->`]
  const [from, to] = [text.indexOf(open), text.indexOf(close)]
  if (from < 0 || to < from) throw new Error(`there is no ${open} … ${close}`)
  return `${text.slice(0, from)}${open}\n${content}\n${text.slice(to)}`
}

function writeSection(file: string, name: string, content: string): void {
  writeText(file, replaceSection(readText(file), name, content))
}

const readText = (file: string): string => readFileSync(new URL(file, ROOT), 'utf8')

function writeText(file: string, text: string): void {
  writeFileSync(new URL(file, ROOT), text)
}
