import { expect, test } from 'vitest'

import { countTokens, splitTokens } from '../../src/demo/tokens.ts'

test('counts one token for up to four latin characters', () => {
  expect(splitTokens('hello world')).toEqual(['hell', 'o wo', 'rld'])
  expect(countTokens('a')).toBe(1)
})

test('counts one token for each CJK character and each emoji', () => {
  expect(splitTokens('你好🚀')).toEqual(['你', '好', '🚀'])
})

test('starts a new run where scripts meet', () => {
  expect(splitTokens('你ab好')).toEqual(['你', 'ab', '好'])
})

test('loses no character of the text and counts what it cuts', () => {
  const text = 'Grüße, 世界! 👋🏽\n\tend'
  expect(splitTokens(text).join('')).toBe(text)
  expect(countTokens(text)).toBe(splitTokens(text).length)
})

test('counts nothing in an empty text', () => {
  expect(splitTokens('')).toEqual([])
  expect(countTokens('')).toBe(0)
})
