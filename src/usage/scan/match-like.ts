import type { JsonNames } from './json-names.ts'

const QUOTE = 0x22
const COLON = 0x3a

const DIGITS = new Uint8Array(256)
for (const byte of Buffer.from('0123456789')) DIGITS[byte] = 1
const WORDS = DIGITS.slice()
for (const byte of Buffer.from('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_-'))
  WORDS[byte] = 1

/**
 * The index behind the bytes that are the expected ones but for numbers and words as values; -1 for others. With
 * `fixed`, values of these names may not differ, and others only behind a name that can be read.
 */
export function matchLike(
  expected: Buffer,
  chunk: Buffer,
  { from, fixed }: { readonly from: number; readonly fixed?: JsonNames },
): number {
  return matchFrom(expected, chunk, from, fixed)
}

/** The same without names, and without an object to be made for every event. */
export function matchFreely(expected: Buffer, chunk: Buffer, from: number): number {
  return matchFrom(expected, chunk, from, undefined)
}

function matchFrom(
  expected: Buffer,
  chunk: Buffer,
  from: number,
  fixed: JsonNames | undefined,
): number {
  let at = from
  let next = 0
  for (;;) {
    const length = Math.min(expected.length - next, chunk.length - at)
    const same = countSame(expected, next, chunk, at, length)
    at += same
    next += same
    if (next === expected.length) return at
    if (same === length) return -1
    if (fixed !== undefined && !isFree(expected, next, fixed)) return -1
    const run = isInWordValue(expected, next) ? WORDS : DIGITS
    const isInRun =
      isOf(run, expected[next - 1]) || (isOf(run, expected[next]) && isOf(run, chunk[at]))
    const skipped = isInRun ? countRun(chunk, at, run) : 0
    const expectedSkipped = isInRun ? countRun(expected, next, run) : 0
    if (skipped + expectedSkipped === 0) return -1
    at += skipped
    next += expectedSkipped
  }
}

function countSame(a: Buffer, aFrom: number, b: Buffer, bFrom: number, length: number): number {
  let same = 0
  while (same < length && a[aFrom + same] === b[bFrom + same]) same++
  return same
}

const isOf = (run: Uint8Array, byte: number | undefined): boolean => run[byte ?? 0] === 1

function countRun(bytes: Buffer, from: number, run: Uint8Array): number {
  let at = from
  while (isOf(run, bytes[at])) at++
  return at - from
}

/** The index before the run of bytes that ends in front of another. */
function beforeRun(bytes: Buffer, end: number, run: Uint8Array): number {
  let at = end - 1
  while (isOf(run, bytes[at])) at--
  return at
}

/** Within quotes behind a colon, so that it is no name; OpenAI pads its events with such values. */
function isInWordValue(bytes: Buffer, from: number): boolean {
  const at = beforeRun(bytes, from, WORDS)
  return bytes[at] === QUOTE && bytes[at - 1] === COLON
}

/** Whether a number or a word stands there as the value of a name that is none of these. */
function isFree(bytes: Buffer, from: number, names: JsonNames): boolean {
  const before = beforeRun(bytes, from, WORDS)
  const colon = bytes[before] === QUOTE ? before - 1 : before
  const nameEnd = colon - 1
  if (bytes[colon] !== COLON || bytes[nameEnd] !== QUOTE) return false
  const nameStart = beforeRun(bytes, nameEnd, WORDS)
  return bytes[nameStart] === QUOTE && names.find(bytes, nameStart + 1, nameEnd, false) === ''
}
