import { lastingPair } from '../../lasting-copy.ts'
import { findQuote } from './find-bytes.ts'
import { matchFreely } from './match-like.ts'
import { NO_BYTES, type ScanState } from './scan-state.ts'
import { beginJsonText, readText } from './text-tally.ts'

/**
 * The events of one stream are alike but for their texts and numbers. An event that is like the last one that was
 * read has only its text to be counted, and that is a fifth of the work.
 */
export interface SameShape {
  /** What reads the lines that are learned. */
  readonly scan: ScanState
  /** Of the line that was learned last: before its text, and from the quote that ends it. */
  head: Buffer
  tail: Buffer
  idleLessons: number
}

/** After as many lines of which no other was like them, no more are learned. */
const MAX_IDLE_LESSONS = 32
/** Longer lines are not kept: there may be thousands of streams. */
const MAX_SHAPE_BYTES = 1024

export function createSameShape(scan: ScanState): SameShape {
  return { scan, head: NO_BYTES, tail: NO_BYTES, idleLessons: 0 }
}

/** Reads a line that is like the one learned; returns the index behind it, or -1 for one that is not. */
export function readAlike(shape: SameShape, chunk: Buffer, from: number): number {
  if (shape.head.length === 0) return -1
  const textAt = matchFreely(shape.head, chunk, from)
  if (textAt === -1) return -1
  const quoteAt = findQuote(chunk, textAt)
  const end = quoteAt === -1 ? -1 : matchFreely(shape.tail, chunk, quoteAt)
  if (end === -1) return -1
  shape.idleLessons = 0
  const { text } = shape.scan
  beginJsonText(text)
  readText(text, chunk, textAt, quoteAt + 1)
  return end
}

/** A line begins that is not like the one learned. */
export function beginUnlike({ scan }: SameShape): void {
  scan.texts = 0
  scan.ends = 0
  scan.hasTold = false
}

/** Takes note of the line that was read last, its end included, when it is whole and its text is all that it tells. */
export function learnLine(shape: SameShape, chunk: Buffer, from: number, to: number): void {
  const { texts, ends, hasTold, textFrom, textEnd } = shape.scan
  const isAllText = texts === 1 && ends === 1 && !hasTold
  if (!isAllText || shape.idleLessons === MAX_IDLE_LESSONS) return
  if (textFrom - from + (to - textEnd) > MAX_SHAPE_BYTES) return
  shape.idleLessons++
  const [head, tail] = lastingPair(chunk.subarray(from, textFrom), chunk.subarray(textEnd - 1, to))
  shape.head = head
  shape.tail = tail
}
