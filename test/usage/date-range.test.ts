import { describe, expect, it } from 'vitest'

import { createCalendar } from '../../src/usage/calendar.ts'
import { currentMonth, readDateRange } from '../../src/usage/date-range.ts'

const NAMES = { from: 'start_date', to: 'end_date' }
const NOVEMBER = { from: '2026-11-01', to: '2026-11-24' }

const read = (query: Readonly<Record<string, unknown>>) => readDateRange(query, NAMES, NOVEMBER)

describe('the current month', () => {
  it('is that of the time zone', () => {
    const at = Date.parse('2026-10-31T17:00:00Z')
    const monthIn = (timeZone: string) => currentMonth(createCalendar(timeZone), at)
    expect(monthIn('UTC')).toEqual({ from: '2026-10-01', to: '2026-10-31' })
    expect(monthIn('Asia/Shanghai')).toEqual({ from: '2026-11-01', to: '2026-11-01' })
  })
})

describe('a range of days', () => {
  it.each([
    [{}, '2026-11-01', '2026-11-24'],
    [{ start_date: '', end_date: '' }, '2026-11-01', '2026-11-24'],
    [{ start_date: '2026-03-01', end_date: '2026-03-31' }, '2026-03-01', '2026-03-31'],
    [{ start_date: '2024-02-29' }, '2024-02-29', '2026-11-24'],
    [{ start_date: '2026-12-05' }, '2026-12-05', '2026-12-05'],
    [{ end_date: '2026-12-01' }, '2026-11-01', '2026-12-01'],
    [{ end_date: '2026-03-17' }, '2026-03-01', '2026-03-17'],
    // What scripts ask for that want everything.
    [{ start_date: '2020-01-01', end_date: '2030-01-01' }, '2020-01-01', '2030-01-01'],
  ])('of %j is read', (query, from, to) => {
    expect(read(query)).toEqual({ from, to })
  })

  it.each([
    [{ start_date: 'tomorrow' }, 'start_date', 'write it as 2026-11-24'],
    [{ start_date: '2026-11-1' }, 'start_date', 'write it as 2026-11-24'],
    [{ start_date: '2026-02-29' }, 'start_date', 'write it as 2026-11-24'],
    [{ end_date: '2026-11-31' }, 'end_date', 'write it as 2026-11-24'],
    [{ end_date: ['2026-11-01', '2026-11-02'] }, 'end_date', 'write it as 2026-11-24'],
    [{ start_date: '2026-03-02', end_date: '2026-03-01' }, 'start_date', 'the earlier day first'],
    [{ start_date: '2000-01-01' }, 'start_date', 'ask for less'],
  ])('of %j is refused', (query, param, message) => {
    const refused = expect.objectContaining({
      status: 400,
      param,
      message: expect.stringContaining(message),
    })
    expect(() => read(query)).toThrow(refused)
  })
})
