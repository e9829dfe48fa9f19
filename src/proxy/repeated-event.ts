import { findQuote } from '../usage/scan/find-bytes.ts'
import { matchPattern } from '../usage/scan/line-pattern.ts'
import { type Shape, type ShapePool, shapeOf, shareShape } from '../usage/scan/shape-pool.ts'

/** Knows the events of a stream that are the same but for their text, and for numbers and words that tell nothing. */
export interface RepeatedEvent {
  readonly pool: ShapePool
  /** Of the event that was learned. */
  shape: Shape | undefined
  idleLessons: number
  lessons: number
}

/** What stands before the text: of chats, of answers, of completions. */
const TEXT_MARKS = ['"content":"', '"delta":"', '"text":"'].map((mark) => Buffer.from(mark))

/** Longer events are not kept: there may be thousands of streams. */
const MAX_EVENT_BYTES = 1024
/** After as many events of which no other was a repeat, no more are learned; and after as many in all. */
const MAX_IDLE_LESSONS = 16
const MAX_LESSONS = 256

export const createRepeatedEvent = (pool: ShapePool): RepeatedEvent => ({
  pool,
  shape: undefined,
  idleLessons: 0,
  lessons: 0,
})

/** Whether these bytes are one event, and one like that which was learned. */
export function isRepeat(repeated: RepeatedEvent, bytes: Buffer): boolean {
  const { shape } = repeated
  if (shape === undefined) return false
  const textAt = matchPattern(shape.head, bytes, 0)
  const quote = textAt === -1 ? -1 : findQuote(bytes, textAt)
  if (quote === -1) return false
  if (matchPattern(shape.tail, bytes, quote) !== bytes.length) return false
  repeated.idleLessons = 0
  if (!shape.isShared) {
    repeated.shape = shareShape(repeated.pool, shape, [
      bytes.subarray(0, textAt),
      bytes.subarray(quote),
    ])
  }
  return true
}

/** Takes note of an event that came whole and alone. */
export function learnEvent(repeated: RepeatedEvent, event: Buffer): void {
  const { idleLessons, lessons } = repeated
  if (event.length > MAX_EVENT_BYTES) return
  if (idleLessons === MAX_IDLE_LESSONS || lessons === MAX_LESSONS) return
  const textAt = findText(event)
  // Within a string these quotes would stand behind backslashes: they are a name and the beginning of its value.
  const quote = textAt === -1 ? -1 : findQuote(event, textAt)
  if (quote === -1) return
  repeated.idleLessons++
  repeated.lessons++
  repeated.shape = shapeOf(repeated.pool, [event.subarray(0, textAt), event.subarray(quote)])
}

function findText(event: Buffer): number {
  for (const mark of TEXT_MARKS) {
    const at = event.indexOf(mark)
    if (at !== -1) return at + mark.length
  }
  return -1
}
