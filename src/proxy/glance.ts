import {
  AMPERSAND,
  BACKSLASH,
  INTRODUCERS,
  mayBeginEscape,
  PERCENT,
  type Unit,
} from './escape-unit.ts'
import { readEscape } from './read-escape.ts'

/** Tells most text apart from secrets without reading it. */
export interface Glance {
  /** False when no form stands in the bytes, however it is spelled. */
  mayHoldForm(bytes: Buffer, isLast: boolean): boolean
  /** Before this no form begins that the bytes cut off, unless it takes more than so many bytes. */
  startOfTail(bytes: Buffer, maxBytes: number): number
}

const IMPOSSIBLE = 0
const POSSIBLE = 1
const INTRODUCER = 2

/** What stands in escapes and between characters, beside the characters of the secrets themselves. */
const ESCAPE_CHARACTERS = '0123456789abcdefABCDEFuUxXnr#;\r\n\0'

const NUL = 0x00
const LF = 0x0a
const CR = 0x0d
/** What may stand between the characters of a form. */
const GAPS: readonly number[] = [LF, CR, NUL]

/** How many bytes are compared at once. */
const GRAM_BYTES = 4
/** What looks like an escape may hold as many of a form's first characters. */
const MAX_HIDDEN_CHARACTERS = 3
/** Two grams, and some room for them to be covered by a form wherever it begins. */
const MIN_FORM_FOR_GRAMS = 4 * GRAM_BYTES
const HASH_BITS = 16
/** The golden ratio in 32 bits (Knuth, TAOCP 6.4). */
const HASH_FACTOR = 0x9e3779b1

export function createGlance(forms: readonly Buffer[]): Glance {
  const unescape = createUnescaper()
  const shortest = Math.min(...forms.map((form) => form.length))
  const kinds = createKinds(forms)
  const hasGrams = createGrams(forms, { shortest, kinds })
  return {
    mayHoldForm(bytes, isLast) {
      if (!hasLongRun(bytes, shortest, kinds)) return false
      if (hasGrams(bytes)) return true
      return INTRODUCERS.some((byte) => bytes.includes(byte)) && hasGrams(unescape(bytes, isLast))
    },
    startOfTail(bytes, maxBytes) {
      const first = Math.max(0, bytes.length - maxBytes)
      let start = bytes.length
      // An empty line ends an event, and no form goes on over it.
      if (bytes[start - 1] === LF && bytes[start - 2] === LF) return start
      while (start > first && isPossible(bytes, start - 1, kinds)) start--
      return start
    },
  }
}

/** Which bytes can stand in a form: never, always, or where an escape begins. */
function createKinds(forms: readonly Buffer[]): Uint8Array {
  const kinds = new Uint8Array(256)
  for (const byte of INTRODUCERS) kinds[byte] = INTRODUCER
  for (const byte of Buffer.concat([...forms, Buffer.from(ESCAPE_CHARACTERS)])) {
    kinds[byte] = POSSIBLE
  }
  return kinds
}

function isPossible(bytes: Buffer, at: number, kinds: Uint8Array): boolean {
  const kind = kinds[bytes[at] ?? 0]
  return kind === POSSIBLE || (kind === INTRODUCER && mayBeginEscape(bytes, at))
}

/**
 * Whether as many bytes as the shortest form stand together without one that no form holds. Words and numbers are
 * shorter than a secret, so that looking at a byte here and there is enough for nearly every chunk.
 */
function hasLongRun(bytes: Buffer, length: number, kinds: Uint8Array): boolean {
  let at = length - 1
  while (at < bytes.length) {
    if (kinds[bytes[at] ?? 0] === IMPOSSIBLE) {
      at += length
      continue
    }
    let start = at + 1
    while (start > 0 && at - start < length && isPossible(bytes, start - 1, kinds)) start--
    let end = at + 1
    while (end < bytes.length && end - start < length && isPossible(bytes, end, kinds)) end++
    if (end - start >= length) return true
    // No run goes over the byte that ended this one.
    at = Math.max(end, at) + length
  }
  return false
}

interface GramOptions {
  readonly shortest: number
  readonly kinds: Uint8Array
}

/**
 * The same for long texts without a space, images in base64 above all: whether two grams in a row of any form stand
 * where a form that covers the place would have them.
 */
function createGrams(
  forms: readonly Buffer[],
  { shortest, kinds }: GramOptions,
): (bytes: Buffer) => boolean {
  const step = shortest - 2 * GRAM_BYTES + 1 - MAX_HIDDEN_CHARACTERS
  const hashes = new Uint8Array(2 ** HASH_BITS)
  const grams = new Set<number>()
  for (const form of forms) {
    for (let i = 0; i + GRAM_BYTES <= form.length; i++) {
      const gram = form.readInt32LE(i)
      grams.add(gram)
      hashes[hashOf(gram)] = 1
    }
  }
  return (bytes) => {
    if (shortest < MIN_FORM_FOR_GRAMS) return true
    const end = lengthWithoutLastBreaks(bytes)
    const hasGaps = GAPS.some((byte) => isBefore(bytes.indexOf(byte), end))
    const last = end - 2 * GRAM_BYTES
    for (let at = step - 1; at <= last; at += step) {
      const gram = bytes.readInt32LE(at)
      if (hashes[hashOf(gram)] === 1 && grams.has(gram)) {
        if (grams.has(bytes.readInt32LE(at + GRAM_BYTES))) return true
      }
      if (!hasGaps || !hasGap(bytes, at)) continue
      if (runAround(bytes, at, kinds) >= shortest) return true
    }
    return false
  }
}

/** No form ends with a line break: one at the end, as every event has, stands in none that is whole. */
function lengthWithoutLastBreaks(bytes: Buffer): number {
  let { length } = bytes
  while (bytes[length - 1] === LF || bytes[length - 1] === CR) length--
  return length
}

const hashOf = (gram: number): number => Math.imul(gram, HASH_FACTOR) >>> (32 - HASH_BITS)

const isBefore = (index: number, end: number): boolean => index !== -1 && index < end

/** Grams are of characters without the line break or the zero bytes that may stand between them. */
function hasGap(bytes: Buffer, at: number): boolean {
  for (let i = at; i < at + 2 * GRAM_BYTES; i++) {
    if (bytes[i] === LF || bytes[i] === CR || bytes[i] === NUL) return true
  }
  return false
}

/** How many bytes of those that can stand in a form stand together at a place. */
function runAround(bytes: Buffer, at: number, kinds: Uint8Array): number {
  const isIn = (index: number): boolean => kinds[bytes[index] ?? 0] !== IMPOSSIBLE
  let start = at
  while (start > 0 && isIn(start - 1)) start--
  let end = at
  while (end < bytes.length && isIn(end)) end++
  return end - start
}

/** Gives the bytes with their escapes undone, in a buffer that is used again. */
function createUnescaper(): (bytes: Buffer, isLast: boolean) => Buffer {
  const unit: Unit = { character: 0, length: 0, isCut: false }
  let scratch = Buffer.alloc(0)
  return (bytes, isLast) => {
    if (scratch.length < bytes.length) scratch = Buffer.alloc(bytes.length)
    let length = 0
    let at = 0
    while (at < bytes.length) {
      const byte = bytes[at] ?? 0
      if (byte !== PERCENT && byte !== BACKSLASH && byte !== AMPERSAND) {
        scratch[length++] = byte
        at++
        continue
      }
      readEscape(bytes, at, unit, isLast)
      if (unit.isCut) break
      scratch[length++] = unit.character
      at += unit.length
    }
    return scratch.subarray(0, length)
  }
}
