import type { ScanState } from './scan-state.ts'
import {
  createShapeLearner,
  learnShape,
  matchShape,
  mayLearn,
  noteRepeat,
  type ShapeLearner,
} from './shape-learner.ts'
import { createShapePool } from './shape-pool.ts'
import { beginJsonText, readText } from './text-tally.ts'

/**
 * The events of one stream are alike but for their texts and numbers. An event that is like the last one that was
 * read has only its text to be counted, and that is a fifth of the work.
 */
export interface SameShape extends ShapeLearner {
  /** What reads the lines that are learned. */
  readonly scan: ScanState
}

const MAX_IDLE_LESSONS = 32
/** Longer lines are not kept: there may be thousands of streams. */
const MAX_SHAPE_BYTES = 1024

const POOL = createShapePool()

export const createSameShape = (scan: ScanState): SameShape => ({
  ...createShapeLearner(POOL, MAX_IDLE_LESSONS),
  scan,
})

/** Reads a line that is like the one learned; returns the index behind it, or -1 for one that is not. */
export function readAlike(same: SameShape, chunk: Buffer, from: number): number {
  const end = matchShape(same, chunk, from)
  if (end === -1) return -1
  noteRepeat(same, chunk, from, end)
  const { text } = same.scan
  beginJsonText(text)
  readText(text, chunk, same.textAt, same.quoteAt + 1)
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
  if (!isAllText || !mayLearn(same)) return
  if (textFrom - from + (to - textEnd) > MAX_SHAPE_BYTES) return
  learnShape(same, [chunk.subarray(from, textFrom), chunk.subarray(textEnd - 1, to)])
}
