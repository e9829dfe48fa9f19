import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

import { describe, expect, it } from 'vitest'

import { LIVE_SETTINGS } from '../../src/config/restart.ts'
import { settingInfo } from '../../src/config/setting-kinds.ts'
import { settingsShape } from '../../src/config/settings.ts'
import { ERROR_CASES } from '../../src/errors.ts'
import packageJson from '../../package.json' with { type: 'json' }

const ROOT = new URL('../../', import.meta.url)
const LANGUAGES = ['README.md', 'README.zh-CN.md'] as const

/** What is read from the environment and is no setting of the table: secrets, and where files are. */
const VARIABLES = [
  'UPSTREAM_API_KEY',
  'UPSTREAM_API_KEY_FILE',
  'ADMIN_TOKEN',
  'ADMIN_TOKEN_FILE',
  'CLIENT_TOKENS',
  'KEYSTOW_CONFIG',
]

/** Folders of the repository: a code span that begins with one names a file in it. */
const REPOSITORY_PATH = /^(?:src|test|docs|bench|config)\/[\w./*-]+$/

const CODE_BLOCK = /^```[^]*?^```$/gm

const readText = (name: string): string => readFileSync(new URL(name, ROOT), 'utf8')

const exists = (path: string): boolean => existsSync(fileURLToPath(new URL(path, ROOT)))

const matchAll = (text: string, pattern: RegExp): string[] =>
  [...text.matchAll(pattern)].map((match) => match[1] ?? '')

/** The cells of the table row that begins with this one. */
function findRow(text: string, first: string): string[] {
  const row = text.split('\n').find((line) => line.startsWith(`| ${first} |`)) ?? ''
  return row
    .split('|')
    .slice(1, -1)
    .map((cell) => cell.trim())
}

/** How a default stands in the table. */
function showDefault(value: string | number | boolean | readonly string[] | undefined): string {
  return value === undefined || Array.isArray(value) ? '–' : `\`${String(value)}\``
}

const headings = (text: string): string[] => matchAll(text.replace(CODE_BLOCK, ''), /^#+ (.+)$/gm)

/** The anchor that GitHub gives a heading. */
const anchorOf = (heading: string): string =>
  heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N} _-]/gu, '')
    .replaceAll(' ', '-')

describe('the families of config/keystow.yaml', () => {
  it.each(LANGUAGES)('have the prefixes of those in %s', (name) => {
    const prefixesOf = (text: string): string[] =>
      matchAll(text, /^#? +[\w-]+: \{ prefix: \[?([^\]}:]+?)\]? \}$/gm)
        .flatMap((list) => list.split(', '))
        .toSorted()
    expect(prefixesOf(readText('config/keystow.yaml'))).toEqual(prefixesOf(readText(name)))
  })
})

describe.each(LANGUAGES)('%s', (name) => {
  const text = readText(name)

  it.each(Object.entries(settingsShape))(
    'gives %s with its variable and default',
    (key, schema) => {
      const info = settingInfo.get(schema)
      const row = findRow(text, `\`${info?.env}\``)
      expect(row.slice(0, 3)).toEqual([
        `\`${info?.env}\``,
        `\`${key}\``,
        showDefault(schema.parse(undefined)),
      ])
      expect(row[3]).not.toBe('')
    },
  )

  it.each(VARIABLES)('names %s', (variable) => {
    expect(text).toMatch(new RegExp(`^\\|.*\`${variable}\``, 'm'))
  })

  it('names the settings that change without a restart, and no other', () => {
    const lines = text.split('\n').filter((line) => /^`[A-Z_]+`(?:, |、)/.test(line))
    const named = lines.flatMap((line) => matchAll(line, /`([A-Z_]+)`/g))
    expect(named).toEqual(LIVE_SETTINGS.map((name) => settingInfo.get(settingsShape[name])?.env))
  })

  it('lists every error with its status, and no other', () => {
    const rows = [...text.matchAll(/^\| (\d{3}) \| `(\w+)` \|/gm)]
    const listed = rows.map(([, status, code]) => `${status} ${code}`)
    const known = Object.values(ERROR_CASES).map(({ status, code }) => `${status} ${code}`)
    expect(listed.toSorted()).toEqual([...new Set(known)].toSorted())
  })

  it('mentions only scripts that exist', () => {
    const scripts = matchAll(text, /npm run ([\w:-]+)/g)
    expect(scripts).not.toHaveLength(0)
    expect(scripts.filter((script) => !(script in packageJson.scripts))).toEqual([])
  })

  it('mentions only files that exist', () => {
    const prose = text.replace(CODE_BLOCK, '')
    const links = matchAll(prose, /\]\(([^)#]+)(?:#[^)]*)?\)/g)
    const spans = matchAll(prose, /`([^`\n]+)`/g).filter((span) => REPOSITORY_PATH.test(span))
    const local = links.filter((link) => !/^https?:/.test(link))
    expect(local).not.toHaveLength(0)
    expect([...local, ...spans].filter((path) => !exists(path))).toEqual([])
  })

  it('links only to sections of its own that exist', () => {
    const anchors = new Set(headings(text).map(anchorOf))
    const links = matchAll(text, /\]\(#([^)]+)\)/g)
    expect(links.filter((link) => !anchors.has(link))).toEqual([])
  })

  it('links to the other language', () => {
    for (const other of LANGUAGES.filter((language) => language !== name)) {
      expect(text).toContain(`](${other})`)
    }
  })
})

describe('the two languages', () => {
  const [english, chinese] = LANGUAGES.map((name) => readText(name))

  it('have the same sections', () => {
    const levels = (text = ''): string[] =>
      matchAll(text.replace(CODE_BLOCK, ''), /^(#+) /gm).filter((level) => level.length <= 3)
    expect(levels(chinese)).toEqual(levels(english))
    expect(levels(english).filter((level) => level === '##').length).toBeGreaterThan(0)
  })

  it('show the same commands and configurations', () => {
    const blocks = (text = ''): string[] =>
      [...text.matchAll(/^```(?:sh|yaml|nginx)\n([^]*?)^```$/gm)].map(([, block]) =>
        // Comments and what a user says are in the reader's language.
        (block ?? '').replaceAll(/ +#.*$/gm, '').replaceAll(/"content":"[^"]*"/g, ''),
      )
    expect(blocks(chinese)).toEqual(blocks(english))
  })
})

describe('the English table', () => {
  it.each(Object.values(settingsShape))('says of each setting what the settings say', (schema) => {
    const info = settingInfo.get(schema)
    const [, , , meaning] = findRow(readText('README.md'), `\`${info?.env}\``)
    expect(meaning).toContain(info?.meaning)
  })
})
