import type { JsonNames } from './json-names.ts'

/** A part of an event's JSON, but for the numbers and the texts that are its values. */
export interface LinePattern {
  /** What stays the same, without what stands in between. */
  readonly literal: Buffer
  /** Where in it the values stand, each index doubled, and one more where the value is a number: thousands may be kept. */
  readonly cuts: Uint16Array
}

/** Twice as long an index is still one of a cut. */
const MAX_PATTERN_BYTES = 32 * 1024

const QUOTE = 0x22
const COLON = 0x3a
const SPACE = 0x20
const BACKSLASH = 0x5c

const DIGITS = new Uint8Array(256)
for (const byte of Buffer.from('0123456789')) DIGITS[byte] = 1
const NAME_BYTES = DIGITS.slice()
for (const byte of Buffer.from('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_-')) {
  NAME_BYTES[byte] = 1
}
/** What a number stands behind that is not a part of a name. */
const BEFORE_NUMBER = new Set(Buffer.from(':,[ -.'))
/** What a string is made of that ends with the next quote: ASCII without escapes. */
const PLAIN_BYTES = new Uint8Array(256).fill(1, SPACE, 0x7f)
PLAIN_BYTES[QUOTE] = PLAIN_BYTES[BACKSLASH] = 0

/**
 * Finds the values that need not be the same: strings without an escape, and numbers. With `fixed`, values of these
 * names stay as they are, and so do numbers that are not the value of a name. Throws a `RangeError` for more than 32 KiB.
 */
export function createLinePattern(bytes: Buffer, fixed: JsonNames | undefined): LinePattern {
  if (bytes.length >= MAX_PATTERN_BYTES) throw new RangeError('a pattern is of short lines')
  const literal = Buffer.allocUnsafeSlow(bytes.length)
  const cuts: number[] = []
  let length = 0
  let at = 0
  while (at < bytes.length) {
    const isNumber = DIGITS[bytes[at] ?? 0] === 1
    const isFree = isNumber ? isFreeNumber(bytes, at, fixed) : isFreeString(bytes, at, fixed)
    if (!isFree || !isNumber) literal[length++] = bytes[at++] ?? 0
    if (!isFree) continue
    cuts.push(2 * length + (isNumber ? 1 : 0))
    at = behindRun(bytes, at, isNumber ? DIGITS : PLAIN_BYTES)
  }
  return { literal: literal.subarray(0, length), cuts: Uint16Array.from(cuts) }
}

/** The index behind the bytes at `from` that are of this pattern; -1 for others. */
export function matchPattern({ literal, cuts }: LinePattern, bytes: Buffer, from: number): number {
  let at = from
  let next = 0
  for (let index = 0; index < cuts.length; index++) {
    const cut = cuts[index] ?? 0
    const end = cut >> 1
    const isNumber = (cut & 1) === 1
    for (; next < end; next++, at++) if (literal[next] !== bytes[at]) return -1
    const start = at
    at = behindRun(bytes, at, isNumber ? DIGITS : PLAIN_BYTES)
    if (isNumber && at === start) return -1
  }
  for (; next < literal.length; next++, at++) if (literal[next] !== bytes[at]) return -1
  return at
}

function behindRun(bytes: Buffer, from: number, run: Uint8Array): number {
  let at = from
  while (run[bytes[at] ?? 0] === 1) at++
  return at
}

function isFreeNumber(bytes: Buffer, at: number, fixed: JsonNames | undefined): boolean {
  if (fixed !== undefined) return isValueOfAny(bytes, at, fixed)
  return BEFORE_NUMBER.has(bytes[at - 1] ?? 0)
}

/** Whether a string begins there that is a value, and ends here too. */
function isFreeString(bytes: Buffer, at: number, fixed: JsonNames | undefined): boolean {
  if (bytes[at] !== QUOTE || !isValueOfAny(bytes, at, fixed)) return false
  return bytes[behindRun(bytes, at + 1, PLAIN_BYTES)] === QUOTE
}

/** Whether a value of a name begins there that can be read and is none of these. */
function isValueOfAny(bytes: Buffer, at: number, names: JsonNames | undefined): boolean {
  const colon = bytes[at - 1] === SPACE ? at - 2 : at - 1
  const nameEnd = colon - 1
  if (bytes[colon] !== COLON || bytes[nameEnd] !== QUOTE) return false
  let before = nameEnd - 1
  while (NAME_BYTES[bytes[before] ?? 0] === 1) before--
  if (bytes[before] !== QUOTE) return false
  return names === undefined || names.find(bytes, before + 1, nameEnd, false) === ''
}
