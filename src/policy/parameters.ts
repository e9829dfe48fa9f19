/** A token of RFC 9110 section 5.6.2. */
const TOKEN = "[\\w!#$%&'*+.^`|~-]+"

/**
 * One parameter, or none, behind its semicolon. No backslash before a quote: programs differ in whether it escapes it,
 * and with that in where the value ends.
 */
const PARAMETER = new RegExp(
  `[ \\t]*;[ \\t]*(?:(${TOKEN})=(?:(${TOKEN})|"((?:[\\t\\x20\\x21\\x23-\\x5b\\x5d-\\x7e\\x80-\\xff]|\\\\(?!"))*)"))?`,
  'y',
)

const HAS_WORD = /boundary/i

const MEDIA_TYPE = new RegExp(`^(${TOKEN}/${TOKEN})`)

/** What RFC 2046 section 5.1.1 allows, and what else is written; no comma or semicolon, where some cut it off. */
const BOUNDARY = /^(?! )[\x20\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]{1,70}(?<! )$/

/** Charsets in which ASCII is ASCII, and nothing else is. */
const PLAIN_CHARSETS: ReadonlySet<string> = new Set([
  'utf-8',
  'utf8',
  'us-ascii',
  'ascii',
  'iso-8859-1',
  'latin1',
  'windows-1252',
])

/** A media type whose parameters every program reads alike. */
export interface MediaType {
  /** Type and subtype, in lower case. */
  readonly essence: string
  readonly boundary: string | undefined
  /** In lower case. */
  readonly charset: string | undefined
}

/** What nearly every body is. */
const JSON_TYPE: MediaType = Object.freeze({
  essence: 'application/json',
  boundary: undefined,
  charset: undefined,
})

/**
 * The parameters behind the first word of a header, by their names in lower case; undefined when they can be read in
 * more ways than one: programs differ in which of two they take, in what they make of a half-quoted one, and in
 * whether they know RFC 2231's `name*0` and `name*`.
 */
export function parseParameters(text: string): ReadonlyMap<string, string> | undefined {
  const found = new Map<string, string>()
  const rest = text.trimEnd()
  PARAMETER.lastIndex = 0
  let at = 0
  while (at < rest.length) {
    const [all, name, token, quoted] = PARAMETER.exec(rest) ?? []
    if (all === undefined) return undefined
    at += all.length
    if (name === undefined) continue
    const key = name.toLowerCase()
    if (found.has(key)) return undefined
    found.set(key, token ?? quoted ?? '')
  }
  return found
}

/** Reads a Content-Type (RFC 9110 section 8.3.1); undefined when it can be read in more ways than one, or in none. */
export function parseMediaType(text: string): MediaType | undefined {
  if (text === JSON_TYPE.essence) return JSON_TYPE
  const essence = MEDIA_TYPE.exec(text)?.[1]
  const parameters = essence === undefined ? undefined : parseParameters(text.slice(essence.length))
  if (essence === undefined || parameters === undefined) return undefined
  const boundary = parameters.get('boundary')
  if (boundary !== undefined && !BOUNDARY.test(boundary)) return undefined
  for (const [name, value] of parameters) {
    if (name.includes('*')) return undefined
    // Some look for the word, or for it and an equals sign, and take the first or the last.
    const isDecoy = name === 'boundary' ? /boundary *=/i.test(value) : HAS_WORD.test(name + value)
    if (isDecoy) return undefined
  }
  if (HAS_WORD.test(essence)) return undefined
  const charset = parameters.get('charset')?.toLowerCase()
  return { essence: essence.toLowerCase(), boundary, charset }
}

/** Whether bytes mean the same here and upstream, whether or not the upstream heeds the charset. */
export const isPlainCharset = (charset: string | undefined): boolean =>
  charset === undefined || PLAIN_CHARSETS.has(charset)
