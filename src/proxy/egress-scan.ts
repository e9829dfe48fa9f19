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

/** More than this is not held back, whatever an upstream strings together. */
const MAX_HELD_BYTES = 16 * 1024

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
  /** Looks for this credential too from now on, also in bodies that have begun; nothing is ever forgotten. */
  learn(credential: Secret): void
}

/** Where secrets stand in some bytes. */
interface Finding {
  readonly matches: readonly Match[]
  /** Where a secret that the bytes cut off would begin; their length when none does. */
  readonly cutAt: number
}

type Find = (bytes: Buffer) => Finding

/** Looks for one credential in all its forms. */
interface Finder {
  readonly plain: Buffer
  /** Bytes that may stand in any of the forms, the shortest of which is `shortest` bytes long. */
  readonly isPossible: Uint8Array
  readonly shortest: number
  readonly find: Find
}

/**
 * The last net between the upstream and a client: replaces every credential of the process in what passes, as it is,
 * percent-encoded, JSON-escaped or in base64.
 */
export function createEgressScanner(credentials: readonly Secret[]): EgressScanner {
  const finders: Finder[] = []
  let findAny: Find = combine(finders)
  const find: Find = (bytes) => findAny(bytes)

  function learn(credential: Secret): void {
    const finder = createFinder(credential.reveal())
    if (finders.some(({ plain }) => plain.equals(finder.plain))) return
    finders.push(finder)
    findAny = combine(finders)
  }

  for (const credential of credentials) learn(credential)
  return {
    learn,
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

  function pass(bytes: Buffer, matches: readonly Match[]): Buffer {
    if (matches.length === 0) return bytes
    hits += matches.length
    return redact(bytes, matches, isFixedLength)
  }

  return {
    hits: () => hits,
    write(chunk) {
      const bytes = held.length === 0 ? chunk : Buffer.concat([held, chunk])
      const { matches, cutAt } = withoutOverlap(find(bytes), bytes.length)
      held = cutAt === bytes.length ? NO_BYTES : Buffer.from(bytes.subarray(cutAt))
      return pass(cutAt === bytes.length ? bytes : bytes.subarray(0, cutAt), matches)
    },
    end() {
      const rest = held
      held = NO_BYTES
      return pass(rest, find(rest).matches)
    },
  }
}

/**
 * Cuts in front of a secret whose end could be the beginning of another one, so that both are looked at again with
 * what follows. Only several credentials can overlap so.
 */
function withoutOverlap({ matches, cutAt }: Finding, length: number): Finding {
  const index = matches.findIndex(({ end }) => end > cutAt)
  const overlapping = matches[index]
  if (overlapping === undefined) return { matches, cutAt }
  if (length - overlapping.start > MAX_HELD_BYTES) {
    return { matches, cutAt: Math.max(cutAt, matches.at(-1)?.end ?? 0) }
  }
  return { matches: matches.slice(0, index), cutAt: Math.min(cutAt, overlapping.start) }
}

/** Chunks that hold no secret of any credential cost the same however many there are. */
function combine(finders: readonly Finder[]): Find {
  const [only, ...more] = finders
  if (only === undefined) return ({ length }) => ({ matches: NO_MATCHES, cutAt: length })
  if (more.length === 0) return only.find
  const isPossible = new Uint8Array(256).map((_, byte) =>
    finders.some((finder) => finder.isPossible[byte] === 1) ? 1 : 0,
  )
  const shortest = Math.min(...finders.map((finder) => finder.shortest))
  return (bytes) => {
    const mayBeCut = isPossible[bytes[bytes.length - 1] ?? 0] === 1
    if (!mayBeCut && !hasLongRun(bytes, shortest, isPossible)) {
      return { matches: NO_MATCHES, cutAt: bytes.length }
    }
    const findings = finders.map(({ find }) => find(bytes))
    return {
      matches: mergeMatches(findings.flatMap(({ matches }) => matches)),
      cutAt: Math.min(bytes.length, ...findings.map(({ cutAt }) => cutAt)),
    }
  }
}

function createFinder(credential: string): Finder {
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

  function find(bytes: Buffer): Finding {
    const matches = hasLongRun(bytes, shortest, isPossible) ? findMatches(bytes) : NO_MATCHES
    const cutAt = bytes.length === 0 ? 0 : findCut(bytes)
    // A match that ends the bytes is no beginning of another.
    return { matches, cutAt: Math.max(cutAt, matches.at(-1)?.end ?? 0) }
  }
  return { plain, isPossible, shortest, find }
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
