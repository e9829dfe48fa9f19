import { KeystowError } from '../errors.ts'
import type { Calendar } from './calendar.ts'

/** Days as `YYYY-MM-DD`, both included. */
export interface DateRange {
  readonly from: string
  readonly to: string
}

/** The names by which a query gives the two days. */
interface RangeNames {
  readonly from: string
  readonly to: string
}

const DATE = /^\d{4}-\d{2}-\d{2}$/
const DAY_MS = 86_400_000

/** Longer than the ledger's longest retention. */
const MAX_DAYS = 4000

/** The current month up to today. */
export function currentMonth(calendar: Calendar, now: number): DateRange {
  const to = calendar.day(now).key
  return { from: firstOfMonth(to), to }
}

/**
 * Reads two days of a query; what is absent is that of `otherwise`, but where that would end before it begins.
 * Throws what the caller is to be told.
 */
export function readDateRange(
  query: Readonly<Record<string, unknown>>,
  names: RangeNames,
  otherwise: DateRange,
): DateRange {
  const first = readDate(query[names.from], names.from)
  const last = readDate(query[names.to], names.to)
  const to = last ?? maxOf(otherwise.to, first ?? '')
  const from = first ?? (otherwise.from <= to ? otherwise.from : firstOfMonth(to))
  if (from > to) throw wrong(names.from, `is later than ${names.to}; give the earlier day first`)
  if ((Date.parse(to) - Date.parse(from)) / DAY_MS > MAX_DAYS) {
    throw wrong(names.from, `is more than ${MAX_DAYS} days before ${names.to}; ask for less`)
  }
  return { from, to }
}

function readDate(value: unknown, name: string): string | undefined {
  if (value === undefined || value === '') return undefined
  const isDate = typeof value === 'string' && DATE.test(value)
  // 2026-02-30 is read as a day of March by some, and as none by others.
  if (isDate && new Date(Date.parse(value) || 0).toISOString().startsWith(value)) return value
  throw wrong(name, 'is not a day; write it as 2026-11-24')
}

const firstOfMonth = (day: string): string => `${day.slice(0, 7)}-01`

const maxOf = (a: string, b: string): string => (a > b ? a : b)

const wrong = (param: string, message: string): KeystowError =>
  new KeystowError('badRequest', { message: `The parameter "${param}" ${message}.`, param })
