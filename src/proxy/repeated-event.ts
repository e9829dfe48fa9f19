import { findQuote } from '../usage/scan/find-bytes.ts'
import {
  createShapeLearner,
  learnShape,
  matchShape,
  mayLearn,
  noteRepeat,
  type ShapeLearner,
} from '../usage/scan/shape-learner.ts'
import type { ShapePool } from '../usage/scan/shape-pool.ts'

/** Knows the events of a stream that are the same but for their text, and for numbers and words that tell nothing. */
export type RepeatedEvent = ShapeLearner

/** What stands before the text: of chats, of answers, of completions. */
const TEXT_MARKS = ['"content":"', '"delta":"', '"text":"'].map((mark) => Buffer.from(mark))

/** Longer events are not kept: there may be thousands of streams. */
const MAX_EVENT_BYTES = 1024
const MAX_IDLE_LESSONS = 16

export const createRepeatedEvent = (pool: ShapePool): RepeatedEvent =>
  createShapeLearner(pool, MAX_IDLE_LESSONS)

/** Whether these bytes are one event, and one like that which was learned. */
export function isRepeat(repeated: RepeatedEvent, bytes: Buffer): boolean {
  if (matchShape(repeated, bytes, 0) !== bytes.length) return false
  noteRepeat(repeated, bytes, 0, bytes.length)
  return true
}

/** Takes note of an event that came whole and alone. */
export function learnEvent(repeated: RepeatedEvent, event: Buffer): void {
  if (event.length > MAX_EVENT_BYTES || !mayLearn(repeated)) return
  const textAt = findText(event)
  // Within a string these quotes would stand behind backslashes: they are a name and the beginning of its value.
  const quote = textAt === -1 ? -1 : findQuote(event, textAt)
  if (quote === -1) return
  learnShape(repeated, [event.subarray(0, textAt), event.subarray(quote)])
}

function findText(event: Buffer): number {
  for (const mark of TEXT_MARKS) {
    const at = event.indexOf(mark)
    if (at !== -1) return at + mark.length
  }
  return -1
}
