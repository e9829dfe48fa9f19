import { readFileSync } from 'node:fs'

import { describe, expect, test } from 'vitest'

import { BEHAVIOURS, chooseBehaviour } from '../../src/demo/behaviours.ts'
import { ORDINARY_MODELS } from '../../src/demo/models.ts'

const DOCUMENT = readFileSync(new URL('../../docs/demo-upstream.md', import.meta.url), 'utf8')

describe('chooseBehaviour', () => {
  test.each(BEHAVIOURS.map(({ name }) => name))('finds %s by its name', (name) => {
    const amount = name.includes('<') ? 429 : 0
    expect(chooseBehaviour(name.replace(/<.+>/, '429'))).toEqual({ name, amount })
  })

  test.each([
    ...ORDINARY_MODELS,
    '',
    'demo-',
    'demo-unknown',
    'demo-pace-',
    'demo-pace-x',
    'xdemo-hang',
  ])('takes %j for an ordinary model', (model) => {
    expect(chooseBehaviour(model)).toEqual({ name: 'ordinary', amount: 0 })
  })
})

describe('docs/demo-upstream.md', () => {
  test.each(BEHAVIOURS)('describes $name in the words of the table', ({ name, description }) => {
    expect(DOCUMENT.includes(`| \`${name}\` | ${description} |`)).toBe(true)
  })

  test.each(ORDINARY_MODELS)('lists the ordinary model %s', (model) => {
    expect(DOCUMENT.includes(`\`${model}\``)).toBe(true)
  })

  test('names no behaviour that is not in the table', () => {
    const rows = [...DOCUMENT.matchAll(/^\| `(demo-[^`]+)` \|/gm)].map((match) => match[1])
    expect(rows).toEqual(BEHAVIOURS.map(({ name }) => name))
  })
})
