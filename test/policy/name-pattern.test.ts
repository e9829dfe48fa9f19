import { expect, it } from 'vitest'

import { isNameAllowed } from '../../src/policy/name-pattern.ts'

it.each([
  ['gpt-4', ['gpt-4'], true],
  ['gpt-4', ['gpt-3.5', 'gpt-4*'], true],
  ['gpt-4-0613', ['gpt-4*'], true],
  ['gpt-40', ['gpt-4'], false],
  ['GPT-4', ['gpt-4'], false],
  ['a-b-c', ['a*c'], true],
  ['a-b-c', ['a*b*c'], true],
  ['ac', ['a*c'], true],
  ['a', ['a*a'], false],
  ['anything', ['*'], true],
  ['gptx4', ['gpt.4'], false],
  ['', [], false],
])('%j against %j is %s', (name, allowed, expected) => {
  expect(isNameAllowed(name, allowed)).toBe(expected)
})
