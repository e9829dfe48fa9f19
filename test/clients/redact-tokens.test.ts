import { describe, expect, it } from 'vitest'

import { createTokenRedactor } from '../../src/clients/redact-tokens.ts'

const redactor = createTokenRedactor({
  presented: ['ks-test-presented'],
  isToken: (text) => text === 'test-token',
})

describe('a text', () => {
  it.each([
    ['gpt-4o', 'gpt-4o'],
    ['test-token', '[redacted]'],
    ['my ks-test-presented here', 'my [redacted] here'],
    ['sk-test-0123456789abcdef', '[redacted]'],
    ['to=eyJhbGciOiJIUzI1.eyJzdWIiOiIx.c2ln', 'to=[redacted]'],
    ['eyJhbGciOiJIUzI1', '[redacted]'],
    ['monkeys-and-donkeys', 'monkeys-and-donkeys'],
  ])('%j is shown as %j', (text, shown) => {
    expect(redactor.text(text)).toBe(shown)
  })
})

// Anybody can have such a line written. Read from each of its beginnings, a million characters would take hours.
describe('a long line', () => {
  const LENGTH = 1_000_000

  it.each(['eyJ', 'ks-', 'eyJ-', 'ks-eyJ', '='])('of %j again and again is read once', (unit) => {
    const line = `${unit.repeat(LENGTH / unit.length)}!`
    expect(redactor.text(line).length).toBeLessThanOrEqual(line.length)
    expect(redactor.queryNames(`?${line}`, 1)).toHaveLength(1)
  })

  it('that is a path is shown as far as its first kilobyte, and a token is never cut', () => {
    const path = redactor.path(`/v1/${'a'.repeat(1009)}/ks-test-presented/${'b'.repeat(LENGTH)}`)
    expect(path).toHaveLength(1024)
    // Of the word that stands in its place.
    expect(path.endsWith('a/[redacted]')).toBe(true)
  })

  it('of many names is read as far as it is shown', () => {
    expect(redactor.queryNames(`?${'name&'.repeat(LENGTH)}`, 3)).toEqual(['name', 'name', 'name'])
  })
})
