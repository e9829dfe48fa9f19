import type { JsonNames } from './json-names.ts'

/** A part of an event's JSON, but for the numbers and the texts that are its values. */
export interface LinePattern {
  /** What stays the same, without what stands in between. */
  readonly literal: Buffer
  /** Behind how much of it a value stands, and whether that is a number. */
  readonly cuts: readonly Cut[]
}

interface Cut {
  readonly at: number
  readonly isNumber: boolean
}

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
/** What a string is made of that ends with the next quote: ASCII without escapes. */
const PLAIN_BYTES = new Uint8Array(256).fill(1, SPACE, 0x7f)
PLAIN_BYTES[QUOTE] = PLAIN_BYTES[BACKSLASH] = 0

/**
 * Finds the values that need not be the same: strings without an escape, and numbers. With `fixed`, values of these
 * names stay as they are, and so do numbers that are not the value of a name.
 */
export function createLinePattern(bytes: Buffer, fixed: JsonNames | undefined): LinePattern {
  const literal = Buffer.allocUnsafeSlow(bytes.length)
  const cuts: Cut[] = []
  let length = 0
  let at = 0
  while (at < bytes.length) {
    const isNumber = DIGITS[bytes[at] ?? 0] === 1
    const isFree = isNumber ? isFreeNumber(bytes, at, fixed) : isFreeString(bytes, at, fixed)
    if (!isFree || !isNumber) literal[length++] = bytes[at++] ?? 0
    if (!isFree) continue
    cuts.push({ at: length, isNumber })
    at = behindRun(bytes, at, isNumber ? DIGITS : PLAIN_BYTES)
  }
  return { literal: literal.subarray(0, length), cuts }
}

/** The index behind the bytes at `from` that are of this pattern; -1 for others. */
export function matchPattern({ literal, cuts }: LinePattern, bytes: Buffer, from: number): number {
  let at = from
  let next = 0
  for (let index = 0; index < cuts.length; index++) {
    const cut = cuts[index]
    if (cut === undefined) break
    for (; next < cut.at; next++, at++) if (literal[next] !== bytes[at]) return -1
    const start = at
    at = behindRun(bytes, at, cut.isNumber ? DIGITS : PLAIN_BYTES)
    if (cut.isNumber && at === start) return -1
  }
  for (; next < literal.length; next++, at++) if (literal[next] !== bytes[at]) return -1
  return at
}

function behindRun(bytes: Buffer, from: number, run: Uint8Array): number {
  let at = from
  while (run[bytes[at] ?? 0] === 1) at++
  return at
}

const isFreeNumber = (bytes: Buffer, at: number, fixed: JsonNames | undefined): boolean =>
  fixed === undefined || isValueOfAny(bytes, at, fixed)

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
