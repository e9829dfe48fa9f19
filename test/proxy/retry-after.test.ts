import { describe, expect, it } from 'vitest'

import { parseRetryAfterMs } from '../../src/proxy/retry-after.ts'

const NOW = Date.parse('Sun, 01 Nov 2026 12:00:00 GMT')

const parse = (...headers: [string, string][]): number | undefined =>
  parseRetryAfterMs(headers.flat(), NOW)

describe('retry-after', () => {
  it.each<[string, number | undefined]>([
    ['0', 0],
    ['7', 7000],
    ['1.5', 1500],
    ['Sun, 01 Nov 2026 12:00:30 GMT', 30_000],
    ['Sun, 01 Nov 2026 11:59:30 GMT', 0],
    ['soon', undefined],
    ['-3', undefined],
    ['1e9', undefined],
    ['', undefined],
  ])('%j is %s ms', (value, waitMs) => {
    expect(parse(['Retry-After', value])).toBe(waitMs)
  })

  it('is less exact than retry-after-ms', () => {
    expect(parse(['retry-after', '2'], ['retry-after-ms', '1250'])).toBe(1250)
    expect(parse(['retry-after-ms', 'x'], ['retry-after', '2'])).toBe(2000)
  })

  it('counts once when it stands twice', () => {
    expect(parse(['retry-after', '2'], ['retry-after', '9'])).toBe(2000)
  })

  it('may be missing', () => {
    expect(parse(['content-type', 'text/plain'])).toBeUndefined()
  })
})
