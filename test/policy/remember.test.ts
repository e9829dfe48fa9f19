import { describe, expect, it } from 'vitest'

import { remember } from '../../src/policy/remember.ts'

function countCalls() {
  const asked: string[] = []
  const measure = remember((text) => {
    asked.push(text)
    return text === '' ? undefined : text.length
  })
  return { asked, measure }
}

describe('what is remembered', () => {
  it('is made once, whatever it is', () => {
    const { asked, measure } = countCalls()
    expect([measure('a'), measure('a'), measure(''), measure('')]).toEqual([
      1,
      1,
      undefined,
      undefined,
    ])
    expect(asked).toEqual(['a', ''])
  })

  it('is right for every one of many texts', () => {
    const { measure } = countCalls()
    for (let length = 1; length < 2000; length++) expect(measure('x'.repeat(length))).toBe(length)
    for (let length = 1; length < 2000; length++) expect(measure('x'.repeat(length))).toBe(length)
  })

  it('is never much', () => {
    const { asked, measure } = countCalls()
    for (let round = 0; round < 2; round++) {
      for (let i = 0; i < 5000; i++) measure(`/v1/${i}`)
    }
    expect(asked.length).toBeGreaterThan(9000)
    measure('x'.repeat(10_000))
    measure('x'.repeat(10_000))
    expect(asked.filter((text) => text.startsWith('x'))).toHaveLength(2)
  })
})
