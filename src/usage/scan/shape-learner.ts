import { findQuote } from './find-bytes.ts'
import { matchPattern } from './line-pattern.ts'
import { type Ends, type Shape, type ShapePool, shapeOf, shareShape } from './shape-pool.ts'

/** Learns the shape of a stream's events, as long as others have it too. */
export interface ShapeLearner {
  readonly pool: ShapePool
  /** After as many lessons of which no other event was a repeat, no more are learned. */
  readonly maxIdleLessons: number
  /** Of the event that was learned last. */
  shape: Shape | undefined
  idleLessons: number
  lessons: number
  /** Of the event that was last found to have the shape: where its text begins, and the quote behind it. */
  textAt: number
  quoteAt: number
}

/** In all: a lesson costs more than reading an event. */
const MAX_LESSONS = 256

export const createShapeLearner = (pool: ShapePool, maxIdleLessons: number): ShapeLearner => ({
  pool,
  maxIdleLessons,
  shape: undefined,
  idleLessons: 0,
  lessons: 0,
  textAt: 0,
  quoteAt: 0,
})

/** The index behind what has the shape that was learned, from here on; -1 for anything else. */
export function matchShape(learner: ShapeLearner, bytes: Buffer, from: number): number {
  const { shape } = learner
  if (shape === undefined) return -1
  const textAt = matchPattern(shape.head, bytes, from)
  const quoteAt = textAt === -1 ? -1 : findQuote(bytes, textAt)
  if (quoteAt === -1) return -1
  learner.textAt = textAt
  learner.quoteAt = quoteAt
  return matchPattern(shape.tail, bytes, quoteAt)
}

/** What has just been matched, between these two indices, is a repeat: its shape is worth to be shared. */
export function noteRepeat(learner: ShapeLearner, bytes: Buffer, from: number, end: number): void {
  const { shape, pool, textAt, quoteAt } = learner
  learner.idleLessons = 0
  if (shape === undefined || shape.isShared) return
  const ends: Ends = [bytes.subarray(from, textAt), bytes.subarray(quoteAt, end)]
  learner.shape = shareShape(pool, shape, ends)
}

export const mayLearn = ({ idleLessons, maxIdleLessons, lessons }: ShapeLearner): boolean =>
  idleLessons < maxIdleLessons && lessons < MAX_LESSONS

export function learnShape(learner: ShapeLearner, ends: Ends): void {
  learner.idleLessons++
  learner.lessons++
  learner.shape = shapeOf(learner.pool, ends)
}
