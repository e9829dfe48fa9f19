import type { RawHeaders } from './connection-tokens.ts'

const DECIMAL = /^\d{1,15}(?:\.\d+)?$/

/**
 * How long an upstream asks to be left alone, in milliseconds: `retry-after-ms`, or `retry-after` in seconds or as a
 * date (RFC 9110 section 10.2.3). Undefined when it does not say, or not so that it could be understood.
 */
export function parseRetryAfterMs(rawHeaders: RawHeaders, wallClockMs: number): number | undefined {
  let fromSeconds: number | undefined
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = (rawHeaders[i] ?? '').toLowerCase()
    if (name !== 'retry-after' && name !== 'retry-after-ms') continue
    const value = (rawHeaders[i + 1] ?? '').trim()
    if (name === 'retry-after') fromSeconds ??= parseSecondsOrDate(value, wallClockMs)
    else if (DECIMAL.test(value)) return Number(value)
  }
  return fromSeconds
}

function parseSecondsOrDate(value: string, wallClockMs: number): number | undefined {
  if (DECIMAL.test(value)) return Number(value) * 1000
  // `Date.parse` reads nearly anything as some date.
  const date = value.endsWith(' GMT') ? Date.parse(value) : Number.NaN
  return Number.isNaN(date) ? undefined : Math.max(date - wallClockMs, 0)
}
