import type { BudgetPeriod } from './budget.ts'

/** Longer than any day of any time zone, one that is left out or repeated included. */
const MAX_DAY_MS = 50 * 3_600_000
const MAX_MONTH_MS = 33 * 86_400_000

/** Requests that began before midnight end after it, so that two days, and two months, are in use at once. */
const REMEMBERED_PERIODS = 4

/** A day or a month as the people of a time zone have it. */
export interface Period {
  /** `2026-10-08` or `2026-10`: sorts by time. */
  readonly key: string
  /** In milliseconds since 1970, the first that belongs to it. */
  readonly startsAt: number
  /** The first that no longer does. */
  readonly endsAt: number
}

/** Finds the day or the month of a moment. */
export type Calendar = Readonly<Record<BudgetPeriod, (at: number) => Period>>

/** The calendar of an IANA time zone; throws a RangeError when there is none of that name. */
export function createCalendar(timeZone: string): Calendar {
  const dayKey = timeZone === 'UTC' ? dayOfUtc : createDayKey(timeZone)
  return {
    day: rememberPeriods(dayKey, MAX_DAY_MS),
    month: rememberPeriods((at) => dayKey(at).slice(0, 7), MAX_MONTH_MS),
  }
}

/** The zone of most servers: what knows of the others takes 20 ms of a start. */
const dayOfUtc = (at: number): string => new Date(at).toISOString().slice(0, 10)

function createDayKey(timeZone: string): (at: number) => string {
  const format = new Intl.DateTimeFormat('en-US-u-ca-gregory-nu-latn', {
    timeZone,
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
  })

  return (at) => {
    const parts: Partial<Record<Intl.DateTimeFormatPartTypes, string>> = {}
    for (const { type, value } of format.formatToParts(at)) parts[type] = value
    return `${parts.year}-${parts.month}-${parts.day}`
  }
}

export function isTimeZone(name: string): boolean {
  try {
    createCalendar(name)
    return true
  } catch {
    return false
  }
}

/** The days from the first to the last, both included; none when they are the wrong way round. */
export function* listDays(from: string, to: string): Generator<string> {
  const last = Date.parse(to)
  for (let at = Date.parse(from); at <= last; at += 86_400_000) {
    yield new Date(at).toISOString().slice(0, 10)
  }
}

/** Formatting costs microseconds, and a request asks several times: periods are looked up while they last. */
function rememberPeriods(keyOf: (at: number) => string, maxMs: number): (at: number) => Period {
  const recent: Period[] = []
  return (at) => {
    for (const period of recent) if (at >= period.startsAt && at < period.endsAt) return period
    const key = keyOf(at)
    const isInside = (moment: number): boolean => keyOf(moment) === key
    const period = {
      key,
      startsAt: findEdge(at, at - maxMs, isInside),
      endsAt: findEdge(at, at + maxMs, isInside) + 1,
    }
    if (recent.unshift(period) > REMEMBERED_PERIODS) recent.pop()
    return period
  }
}

/** The last moment on the way to `outside` that is inside still. */
function findEdge(from: number, to: number, isInside: (at: number) => boolean): number {
  let inside = from
  let outside = to
  while (Math.abs(outside - inside) > 1) {
    const middle = Math.trunc((inside + outside) / 2)
    if (isInside(middle)) inside = middle
    else outside = middle
  }
  return inside
}
