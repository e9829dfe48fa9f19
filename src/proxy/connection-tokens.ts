import type { Dispatcher } from 'undici'

/** Raw headers as Node hands them over: name, value, name, value. */
export type RawHeaders = readonly string[]

/** undici has them as buffers; they are gone through several times. Its type also knows other forms than a flat list. */
export const toTexts = (raw: Dispatcher.DispatchController['rawHeaders']): RawHeaders =>
  Array.isArray(raw) ? raw.map((part) => part.toString('latin1')) : []

/** The one transfer coding whose end every parser finds; twice, or beside another, it hides where the body ends. */
export const CHUNKED = /^[ \t]*chunked[ \t]*$/i

/** Header names that `Connection` declares to be hop-by-hop, lower case (RFC 9110 section 7.6.1). */
export function connectionTokens(rawHeaders: RawHeaders): ReadonlySet<string> | undefined {
  let tokens: Set<string> | undefined
  for (let i = 0; i < rawHeaders.length; i += 2) {
    if ((rawHeaders[i] ?? '').toLowerCase() !== 'connection') continue
    for (const token of (rawHeaders[i + 1] ?? '').split(',')) {
      const name = token.trim().toLowerCase()
      if (name !== '' && name !== 'keep-alive' && name !== 'close') (tokens ??= new Set()).add(name)
    }
  }
  return tokens
}
