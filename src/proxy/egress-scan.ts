import type { Secret } from '../secret.ts'
import { createEscapedMatcher, type Match, MAX_UNIT_BYTES } from './escaped-match.ts'
import { buildSecretForms } from './secret-forms.ts'

const REDACTED = '[redacted]'
const FILLER = '*'

const BASE64_ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_'
const ESCAPE_BYTES = '%\\'

const PERCENT = 0x25
const JSON_ESCAPE = Buffer.from('\\u00')
const NO_BYTES = Buffer.alloc(0)

/** Searches one body, piece by piece. */
export interface BodyScan {
  /** What of these bytes and those held back before may pass; the rest could be the beginning of a secret. */
  write(chunk: Buffer): Buffer
  /** What was still held back. */
  end(): Buffer
  /** How many secrets were replaced. */
  hits(): number
}

export interface EgressScanner {
  /** The text without secrets; the same text when it holds none. */
  scanText(text: string): string
  /** With a fixed length, a replacement is as long as what it replaces. */
  startBody(options: { readonly isFixedLength: boolean }): BodyScan
}

/** Where secrets stand in some bytes. */
interface Finding {
  readonly matches: readonly Match[]
  /** Where a secret that the bytes cut off would begin; their length when none does. */
  readonly cutAt: number
}

type Find = (bytes: Buffer) => Finding

/**
 * The last net between the upstream and a client: replaces every credential of the process in what passes, as it is,
 * percent-encoded, JSON-escaped or in base64.
 */
export function createEgressScanner(credentials: readonly Secret[]): EgressScanner {
  const find = combine(credentials.map((credential) => createFind(credential.reveal())))
  return {
    scanText(text) {
      const bytes = Buffer.from(text)
      const { matches } = find(bytes)
      return matches.length === 0 ? text : redact(bytes, matches, false).toString()
    },
    startBody: ({ isFixedLength }) => startBody(find, isFixedLength),
  }
}

function startBody(find: Find, isFixedLength: boolean): BodyScan {
  let held = NO_BYTES
  let hits = 0
  return {
    hits: () => hits,
    write(chunk) {
      const bytes = held.length === 0 ? chunk : Buffer.concat([held, chunk])
      const { matches, cutAt } = find(bytes)
      held = cutAt === bytes.length ? NO_BYTES : Buffer.from(bytes.subarray(cutAt))
      const passing = cutAt === bytes.length ? bytes : bytes.subarray(0, cutAt)
      if (matches.length === 0) return passing
      hits += matches.length
      return redact(passing, matches, isFixedLength)
    },
    end() {
      const rest = held
      held = NO_BYTES
      return rest
    },
  }
}

function combine(finds: readonly Find[]): Find {
  const [only, ...more] = finds
  if (only !== undefined && more.length === 0) return only
  return (bytes) => {
    const findings = finds.map((find) => find(bytes))
    return {
      matches: mergeMatches(findings.flatMap(({ matches }) => matches)),
      cutAt: Math.min(bytes.length, ...findings.map(({ cutAt }) => cutAt)),
    }
  }
}

/** Finds one credential in all its forms. */
function createFind(credential: string): Find {
  const { plain, encoded } = buildSecretForms(credential)
  const matcher = createEscapedMatcher(plain)
  const isPossible = createAlphabet(BASE64_ALPHABET + ESCAPE_BYTES + plain.toString('latin1'))
  const shortest = Math.min(plain.length, ...encoded.map(({ length }) => length))
  const tailBytes = plain.length * MAX_UNIT_BYTES

  function findMatches(bytes: Buffer): readonly Match[] {
    const isEscaped = bytes.includes(PERCENT) || bytes.includes(JSON_ESCAPE)
    const plainMatches = isEscaped ? matcher.find(bytes).matches : findAll(bytes, plain)
    const encodedMatches = encoded.flatMap((form) => findAll(bytes, form))
    return mergeMatches([...plainMatches, ...encodedMatches])
  }

  function findCut(bytes: Buffer): number {
    if (!isPossible[bytes[bytes.length - 1] ?? 0]) return bytes.length
    const from = Math.max(0, bytes.length - tailBytes)
    const tail = bytes.subarray(from)
    const cuts = encoded.map((form) => cutOf(tail, form))
    return from + Math.min(matcher.find(tail).cutAt, ...cuts)
  }

  return (bytes) => {
    const matches = hasLongRun(bytes, shortest, isPossible) ? findMatches(bytes) : NO_MATCHES
    const cutAt = bytes.length === 0 ? 0 : findCut(bytes)
    // A match that ends the bytes is no beginning of another.
    return { matches, cutAt: Math.max(cutAt, matches.at(-1)?.end ?? 0) }
  }
}

const NO_MATCHES: readonly Match[] = []

function createAlphabet(characters: string): Uint8Array {
  const alphabet = new Uint8Array(256)
  for (const byte of Buffer.from(characters, 'latin1')) alphabet[byte] = 1
  return alphabet
}

/**
 * Whether as many bytes as the shortest form stand together without one that no form holds. Words and numbers are
 * shorter than a secret, so that looking at a byte here and there is enough for nearly every chunk.
 */
function hasLongRun(bytes: Buffer, length: number, isPossible: Uint8Array): boolean {
  let at = length - 1
  while (at < bytes.length) {
    if (isPossible[bytes[at] ?? 0] === 0) {
      at += length
      continue
    }
    let start = at
    while (start > 0 && at - start < length && isPossible[bytes[start - 1] ?? 0] === 1) start--
    let end = at + 1
    while (end < bytes.length && end - start < length && isPossible[bytes[end] ?? 0] === 1) end++
    if (end - start >= length) return true
    at = end + length
  }
  return false
}

function findAll(bytes: Buffer, form: Buffer): Match[] {
  const matches: Match[] = []
  let start = bytes.indexOf(form)
  while (start !== -1) {
    const end = start + form.length
    matches.push({ start, end })
    start = bytes.indexOf(form, end)
  }
  return matches
}

/** Where the longest beginning of a form that ends the bytes stands; their length when there is none. */
function cutOf(bytes: Buffer, form: Buffer): number {
  const first = form[0] ?? 0
  let start = bytes.indexOf(first, Math.max(0, bytes.length - form.length + 1))
  while (start !== -1) {
    const length = bytes.length - start
    if (bytes.compare(form, 0, length, start) === 0) return start
    start = bytes.indexOf(first, start + 1)
  }
  return bytes.length
}

/** In order, and those that overlap as one. */
function mergeMatches(matches: readonly Match[]): readonly Match[] {
  if (matches.length < 2) return matches
  const merged: Match[] = []
  for (const match of matches.toSorted((a, b) => a.start - b.start)) {
    const last = merged.at(-1)
    if (last === undefined || match.start >= last.end) merged.push(match)
    else merged[merged.length - 1] = { start: last.start, end: Math.max(last.end, match.end) }
  }
  return merged
}

function redact(bytes: Buffer, matches: readonly Match[], isFixedLength: boolean): Buffer {
  const pieces: Buffer[] = []
  let at = 0
  for (const { start, end } of matches) {
    const length = end - start
    const text = isFixedLength ? REDACTED.padEnd(length, FILLER).slice(0, length) : REDACTED
    pieces.push(bytes.subarray(at, start), Buffer.from(text, 'latin1'))
    at = end
  }
  return Buffer.concat([...pieces, bytes.subarray(at)])
}
