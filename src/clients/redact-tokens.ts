import { MIN_TOKEN_LENGTH } from './client-token.ts'

const REDACTED = '[redacted]'

/**
 * How tokens and keys look here and at the providers; a name of a model or a parameter does not. Each begins where a
 * word does, so that no character is looked at from many beginnings: anybody can have a line of 16 KiB written.
 */
const KNOWN_SHAPE =
  /(?<![a-z0-9])(?:ks|nk|hk|sk|pk)-[\w-]{16,}|(?<![\w-])eyJ[\w-]{10,}(?:\.[\w-]*)*/gi

/** `eyJ` and ten more. */
const SHORTEST_SHAPE = 13

/** Longer than any path that means something, and short enough for a line to fit into what a pipe takes at once. */
const MAX_PATH_LENGTH = 1024

interface Redaction {
  /** What the request presented as tokens, valid or not. */
  readonly presented: readonly string[]
  /** Whether a text as a whole is a secret of this server's. */
  readonly isToken: (text: string) => boolean
}

export interface TokenRedactor {
  /** A path, each of its segments alone; its beginning, where it is very long. */
  path(path: string): string
  /** The first names in a query string. */
  queryNames(search: string, count: number): string[]
  text(text: string): string
}

/** Takes tokens out of what a client wrote where no token belongs: people paste them anywhere. */
export function createTokenRedactor({ presented, isToken }: Redaction): TokenRedactor {
  const known = presented.filter((token) => token.length >= MIN_TOKEN_LENGTH)

  function text(value: string): string {
    if (value.length >= MIN_TOKEN_LENGTH && isToken(value)) return REDACTED
    let rest = value
    for (const token of known) if (rest.includes(token)) rest = rest.replaceAll(token, REDACTED)
    return rest.length < SHORTEST_SHAPE ? rest : rest.replace(KNOWN_SHAPE, REDACTED)
  }

  function segment(encoded: string): string {
    const decoded = decode(encoded)
    const redacted = text(decoded)
    return redacted === decoded ? encoded : redacted
  }

  /** In a query a plus sign means a space, and the padding of a token looks like an empty value. */
  function queryName(part: string): string {
    const [name = ''] = part.split('=', 1)
    const padding = part.slice(lengthWithoutPadding(part))
    const shown = decode(name.replaceAll('+', '%20'))
    const readings = [shown, decode(name), decode(name + padding)]
    return readings.every((reading) => text(reading) === reading) ? shown : REDACTED
  }

  return {
    text,
    path: (path) => path.split('/').map(segment).join('/').slice(0, MAX_PATH_LENGTH),
    queryNames: (search, count) =>
      search
        .slice(1)
        .split('&')
        .filter((part) => part !== '')
        .slice(0, count)
        .map(queryName),
  }
}

function lengthWithoutPadding(text: string): number {
  let { length } = text
  while (text[length - 1] === '=') length--
  return length
}

/** Twice: what is encoded when it is pasted is encoded again when it is sent. */
function decode(value: string): string {
  if (!value.includes('%')) return value
  try {
    const once = decodeURIComponent(value)
    return once.includes('%') ? decodeURIComponent(once) : once
  } catch {
    return value
  }
}
