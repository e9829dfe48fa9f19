import { findQuote } from './find-bytes.ts'
import { matchPattern } from './line-pattern.ts'
import type { ScanState } from './scan-state.ts'
import { createShapePool, type Shape, shapeOf, shareShape } from './shape-pool.ts'
import { beginJsonText, readText } from './text-tally.ts'

/**
 * The events of one stream are alike but for their texts and numbers. An event that is like the last one that was
 * read has only its text to be counted, and that is a fifth of the work.
 */
export interface SameShape {
  /** What reads the lines that are learned. */
  readonly scan: ScanState
  /** Of the line that was learned last. */
  shape: Shape | undefined
  idleLessons: number
  lessons: number
}

/** After as many lines of which no other was like them, no more are learned; and after as many in all. */
const MAX_IDLE_LESSONS = 32
const MAX_LESSONS = 256
/** Longer lines are not kept: there may be thousands of streams. */
const MAX_SHAPE_BYTES = 1024

const POOL = createShapePool()

export const createSameShape = (scan: ScanState): SameShape => ({
  scan,
  shape: undefined,
  idleLessons: 0,
  lessons: 0,
})

/** Reads a line that is like the one learned; returns the index behind it, or -1 for one that is not. */
export function readAlike(same: SameShape, chunk: Buffer, from: number): number {
  const { shape } = same
  if (shape === undefined) return -1
  const textAt = matchPattern(shape.head, chunk, from)
  if (textAt === -1) return -1
  const quoteAt = findQuote(chunk, textAt)
  const end = quoteAt === -1 ? -1 : matchPattern(shape.tail, chunk, quoteAt)
  if (end === -1) return -1
  same.idleLessons = 0
  if (!shape.isShared) {
    const ends = [chunk.subarray(from, textAt), chunk.subarray(quoteAt, end)] as const
    same.shape = shareShape(POOL, shape, ends)
  }
  const { text } = same.scan
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
export function learnLine(same: SameShape, chunk: Buffer, from: number, to: number): void {
  const { texts, ends, hasTold, textFrom, textEnd } = same.scan
  const isAllText = texts === 1 && ends === 1 && !hasTold
  if (!isAllText || same.idleLessons === MAX_IDLE_LESSONS || same.lessons === MAX_LESSONS) return
  if (textFrom - from + (to - textEnd) > MAX_SHAPE_BYTES) return
  same.idleLessons++
  same.lessons++
  same.shape = shapeOf(POOL, [chunk.subarray(from, textFrom), chunk.subarray(textEnd - 1, to)])
}
