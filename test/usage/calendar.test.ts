import { describe, expect, it } from 'vitest'

import { createCalendar, isTimeZone, listDays } from '../../src/usage/calendar.ts'

const HOUR_MS = 3_600_000

const at = (text: string): number => Date.parse(text)

/** What the wall clock of a time zone shows. */
const clock = (timeZone: string, moment: number): string =>
  new Intl.DateTimeFormat('sv-SE', { timeZone, dateStyle: 'short', timeStyle: 'medium' }).format(
    moment,
  )

describe('a day', () => {
  it.each([
    ['UTC', '2026-10-14T00:00:00Z', 24],
    ['Asia/Shanghai', '2026-10-14T00:00:00+08:00', 24],
    // Clocks go forward in the morning, and back in autumn.
    ['Europe/Berlin', '2026-03-29T00:00:00+01:00', 23],
    ['Europe/Berlin', '2026-10-25T00:00:00+02:00', 25],
    ['America/New_York', '2026-03-08T00:00:00-05:00', 23],
    ['America/New_York', '2026-11-01T00:00:00-04:00', 25],
    // They go by half an hour here.
    ['Australia/Lord_Howe', '2026-04-05T00:00:00+11:00', 24.5],
    // The day begins at one o'clock, because midnight is left out.
    ['Asia/Beirut', '2026-03-29T01:00:00+03:00', 23],
  ])('of %s that begins at %s has %d hours', (timeZone, begin, hours) => {
    const { day } = createCalendar(timeZone)
    const found = day(at(begin))
    expect(found.startsAt).toBe(at(begin))
    expect((found.endsAt - found.startsAt) / HOUR_MS).toBe(hours)
    expect(found.key).toBe(begin.slice(0, 10))
    expect(day(found.endsAt - 1)).toEqual(found)
    expect(day(found.endsAt).startsAt).toBe(found.endsAt)
    expect(day(found.startsAt - 1).endsAt).toBe(found.startsAt)
  })

  it('follows the one before without a gap, all year and everywhere', () => {
    for (const timeZone of ['Europe/Berlin', 'America/New_York', 'Asia/Shanghai', 'Africa/Cairo']) {
      const { day } = createCalendar(timeZone)
      let moment = at('2026-01-01T12:00:00Z')
      const keys = new Set<string>()
      for (let days = 0; days < 365; days++) {
        const { key, endsAt } = day(moment)
        expect(clock(timeZone, endsAt - 1).slice(0, 10)).toBe(key)
        expect(clock(timeZone, endsAt).slice(0, 10) > key).toBe(true)
        keys.add(key)
        moment = endsAt
      }
      expect(keys.size).toBe(365)
    }
  })
})

describe('a month', () => {
  it.each([
    ['UTC', '2026-02-10T00:00:00Z', '2026-02-01T00:00:00Z', '2026-03-01T00:00:00Z'],
    ['Asia/Shanghai', '2026-12-31T16:00:00Z', '2026-12-31T16:00:00Z', '2027-01-31T16:00:00Z'],
    ['Europe/Berlin', '2026-10-14T12:00:00Z', '2026-09-30T22:00:00Z', '2026-10-31T23:00:00Z'],
    ['America/New_York', '2026-11-20T12:00:00Z', '2026-11-01T04:00:00Z', '2026-12-01T05:00:00Z'],
  ])('of %s that holds %s lasts from %s to %s', (timeZone, moment, begin, end) => {
    const { month } = createCalendar(timeZone)
    expect(month(at(moment))).toMatchObject({ startsAt: at(begin), endsAt: at(end) })
  })

  it('is named as the clock on the wall has it', () => {
    const moment = at('2026-10-31T20:00:00Z')
    expect(createCalendar('Asia/Shanghai').month(moment).key).toBe('2026-11')
    expect(createCalendar('Europe/Berlin').month(moment).key).toBe('2026-10')
  })
})

it('knows the names of time zones', () => {
  expect(isTimeZone('Asia/Shanghai')).toBe(true)
  expect(isTimeZone('Asia/Nowhere')).toBe(false)
  expect(isTimeZone('')).toBe(false)
})

it('lists days across the end of a month and a leap day', () => {
  expect([...listDays('2028-02-28', '2028-03-01')]).toEqual([
    '2028-02-28',
    '2028-02-29',
    '2028-03-01',
  ])
  expect([...listDays('2026-10-02', '2026-10-01')]).toEqual([])
})
