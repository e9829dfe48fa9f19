import { MIN_TOKEN_LENGTH } from './client-token.ts'

/** Shorter ones are words that may stand inside of others. */
const MIN_INNER_LENGTH = 8

/** What is encoded when it is pasted is encoded again when it is sent. */
const MAX_DECODINGS = 3

const ENCODED = /%([0-9a-f]{2})/gi

interface UrlTokens {
  /** What the request presented as tokens, valid or not. */
  readonly presented: readonly string[]
  /** Whether a text as a whole is a secret of this server's. */
  readonly isToken: (text: string) => boolean
}

/**
 * A query string without the parameters in which a token of this server's stands, whatever they are called: some
 * programs send their key in both places. What stays is as it came.
 */
export function withoutTokens(search: string, { presented, isToken }: UrlTokens): string {
  if (search.length <= MIN_TOKEN_LENGTH) return search
  const inner = presented.filter((token) => token.length >= MIN_INNER_LENGTH && isToken(token))

  function holdsToken(part: string): boolean {
    const readings = readingsOf(part)
    if (readings.some((reading) => inner.some((token) => reading.includes(token)))) return true
    return [...new Set(readings.flatMap(candidatesOf))].some(isToken)
  }

  const parts = search.slice(1).split('&')
  const kept = parts.filter((part) => part.length < MIN_TOKEN_LENGTH || !holdsToken(part))
  if (kept.length === parts.length) return search
  return kept.length === 0 ? '' : `?${kept.join('&')}`
}

/** Whether a path holds a token that the request presents: programs have a place for it in their base URL. */
export const isTokenInPath = (path: string, { presented, isToken }: UrlTokens): boolean =>
  presented.some(
    (token) => token.length >= MIN_INNER_LENGTH && path.includes(token) && isToken(token),
  )

/** A parameter as it is and decoded, also where parts of it are no encoding. */
function readingsOf(part: string): string[] {
  const readings = [part]
  let reading = part
  for (let i = 0; i < MAX_DECODINGS && reading.includes('%'); i++) {
    reading = reading.replaceAll(ENCODED, (_, hex: string) =>
      String.fromCharCode(Number.parseInt(hex, 16)),
    )
    readings.push(reading)
  }
  return readings
}

/** All of it, its name, its value, and each word in it that is long enough. */
function candidatesOf(reading: string): string[] {
  const equals = reading.indexOf('=')
  const [name, value] = [
    reading.slice(0, equals === -1 ? undefined : equals),
    reading.slice(equals + 1),
  ]
  const words = reading.split(/[^\w.~+/-]+/).filter((word) => word.length >= MIN_INNER_LENGTH)
  const whole = [reading, name, value].map((text) => text.trim().replace(/^bearer[\s+]+/i, ''))
  return [...whole.filter((text) => text.length >= MIN_TOKEN_LENGTH), ...words]
}
