import { KeystowError } from '../errors.ts'
import type { Secret } from '../secret.ts'
import { createFormMatcher, type Finding, type Match } from './form-matcher.ts'
import { createGlance } from './glance.ts'
import { buildSecretForms } from './secret-forms.ts'

const REDACTED = '[redacted]'
const FILLER = '*'

/** Two line ends: nothing that was read before belongs to what comes after. */
const EVENT_END = '\n\n'

/** More than this is not held back, whatever an upstream strings together. */
const MAX_HELD_BYTES = 16 * 1024

/**
 * What is held back is read again with each chunk: so often for each byte that came, and no more. Beginnings of a
 * credential in absurd spellings, a byte at a time, would cost everybody's time.
 */
const MAX_REREADING = 64
/** Below this it costs nobody anything. */
const REREADING_FREE_BYTES = 4 * 1024 * 1024

const NO_BYTES = Buffer.alloc(0)
const NO_MATCHES: readonly Match[] = []

type Find = (bytes: Buffer, isLast: boolean) => Pick<Finding, 'matches' | 'cutAt'>

/** A body that is searched, piece by piece. */
export interface BodyScan {
  readonly find: Find
  readonly isFixedLength: boolean
  held: Buffer
  /** How many secrets were replaced. */
  hits: number
  received: number
  reread: number
}

export interface EgressScanner {
  /** The text without secrets; the same text when it holds none. */
  scanText(text: string): string
  /** Whether none of these header names holds a secret; letter case means nothing in them. */
  isEachNameSafe(names: readonly string[]): boolean
  /** With a fixed length, a replacement is as long as what it replaces. */
  startBody(options: { readonly isFixedLength: boolean }): BodyScan
  /** Looks for this credential too from now on, also in bodies that have begun. */
  readonly learn: (credential: Secret) => void
  /** Looks for it no more: no answer can hold it. */
  readonly forget: (credential: Secret) => void
}

/**
 * The last net between the upstream and a client: replaces every credential of the process in what passes, as it
 * is, percent-encoded, JSON- or HTML-escaped or in base64.
 */
export function createEgressScanner(credentials: readonly Secret[]): EgressScanner {
  const formsOf = new Map<string, readonly string[]>()
  let findForms = createFind([])
  let findInNames = createFind([])
  const find: Find = (bytes, isLast) => findForms(bytes, isLast)

  function rebuild(): void {
    const forms = [...new Set([...formsOf.values()].flat())]
    findForms = createFind(forms)
    findInNames = createFind(forms.map((form) => form.toLowerCase()))
  }

  function learn(...learnt: readonly Secret[]): void {
    const before = formsOf.size
    for (const secret of learnt) formsOf.set(secret.reveal(), buildSecretForms(secret.reveal()))
    if (formsOf.size !== before) rebuild()
  }

  learn(...credentials)
  return {
    learn: (credential) => learn(credential),
    forget(credential) {
      if (formsOf.delete(credential.reveal())) rebuild()
    },
    scanText(text) {
      const bytes = Buffer.from(text)
      const { matches } = find(bytes, true)
      return matches.length === 0 ? text : redact(bytes, matches, false).toString()
    },
    isEachNameSafe(names) {
      const bytes = Buffer.from(names.join(EVENT_END).toLowerCase())
      return findInNames(bytes, true).matches.length === 0
    },
    startBody: ({ isFixedLength }) => startBody(find, isFixedLength),
  }
}

const startBody = (find: Find, isFixedLength: boolean): BodyScan => ({
  find,
  isFixedLength,
  held: NO_BYTES,
  hits: 0,
  received: 0,
  reread: 0,
})

/**
 * What of these bytes and those held back before may pass; the rest could be the beginning of a secret. Throws a
 * `KeystowError` when nothing but beginnings comes, in small pieces.
 */
export function scanBytes(body: BodyScan, chunk: Buffer): Buffer {
  body.received += chunk.length
  return pass(body, body.held.length === 0 ? chunk : join(body, chunk), false)
}

/** What was still held back. */
export const endScan = (body: BodyScan): Buffer => pass(body, body.held, true)

function pass(body: BodyScan, bytes: Buffer, isLast: boolean): Buffer {
  const found = body.find(bytes, isLast)
  const { matches, cutAt } =
    found.matches.length === 0 ? found : withoutOverlap(found, bytes.length)
  body.held = cutAt === bytes.length ? NO_BYTES : Buffer.from(bytes.subarray(cutAt))
  const passing = cutAt === bytes.length ? bytes : bytes.subarray(0, cutAt)
  if (matches.length === 0) return passing
  body.hits += matches.length
  return redact(passing, matches, body.isFixedLength)
}

/** The chunk behind what was held back. */
function join(body: BodyScan, chunk: Buffer): Buffer {
  body.reread += body.held.length
  if (body.reread > REREADING_FREE_BYTES && body.reread > body.received * MAX_REREADING) {
    const cause = new Error('the answer is one beginning of a credential after another')
    throw new KeystowError('upstreamUnavailable', { cause })
  }
  return Buffer.concat([body.held, chunk])
}

/**
 * Cuts in front of a secret whose end could be the beginning of another one, so that both are looked at again with
 * what follows.
 */
function withoutOverlap({ matches, cutAt }: ReturnType<Find>, length: number): ReturnType<Find> {
  const index = matches.findIndex(({ end }) => end > cutAt)
  const overlapping = matches[index]
  if (overlapping === undefined) return { matches, cutAt }
  if (length - overlapping.start > MAX_HELD_BYTES) {
    return { matches, cutAt: Math.max(cutAt, matches.at(-1)?.end ?? 0) }
  }
  return { matches: matches.slice(0, index), cutAt: Math.min(cutAt, overlapping.start) }
}

/** Finds forms in any of their spellings. */
function createFind(texts: readonly string[]): Find {
  const forms = texts.map((text) => Buffer.from(text, 'latin1'))
  const matcher = createFormMatcher(forms)
  const glance = createGlance(forms)

  function read(bytes: Buffer, from: number, isLast: boolean): ReturnType<Find> {
    const unescaped = matcher.find(bytes, { from, isUnescaped: true, isLast })
    if (!unescaped.hasEscapes) {
      return { matches: mergeMatches(unescaped.matches), cutAt: unescaped.cutAt }
    }
    // A secret that begins within what looks like an escape of something else.
    const raw = matcher.find(bytes, { from, isUnescaped: false, isLast })
    return {
      matches: mergeMatches([...raw.matches, ...unescaped.matches]),
      cutAt: Math.min(raw.cutAt, unescaped.cutAt),
    }
  }

  return (bytes, isLast) => {
    const end = bytes.length
    let from = 0
    if (!glance.mayHoldForm(bytes, isLast)) {
      from = isLast ? end : glance.startOfTail(bytes, matcher.maxBytes)
    }
    if (from === end) return { matches: NO_MATCHES, cutAt: end }
    const { matches, cutAt } = read(bytes, from, isLast)
    return { matches, cutAt: isLast ? end : cutAt }
  }
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
