import { lastingPair } from '../lasting-copy.ts'
import { findQuote } from '../usage/scan/find-bytes.ts'
import type { JsonNames } from '../usage/scan/json-names.ts'
import { matchLike } from '../usage/scan/match-like.ts'

/** Knows the events of a stream that are the same but for their text, and for numbers and words that tell nothing. */
export interface RepeatedEvent {
  /** The values of these names are the same in every repeat. */
  readonly watched: JsonNames
  /** Of the event that was learned: up to its text, and from its closing quote on. */
  head: Buffer
  tail: Buffer
  idleLessons: number
}

/** What stands before the text: of chats, of answers, of completions. */
const TEXT_MARKS = ['"content":"', '"delta":"', '"text":"'].map((mark) => Buffer.from(mark))
const NO_BYTES = Buffer.alloc(0)

/** Longer events are not kept: there may be thousands of streams. */
const MAX_EVENT_BYTES = 1024
/** After as many events of which no other was a repeat, no more are learned. */
const MAX_IDLE_LESSONS = 16

export const createRepeatedEvent = (watched: JsonNames): RepeatedEvent => ({
  watched,
  head: NO_BYTES,
  tail: NO_BYTES,
  idleLessons: 0,
})

/** Whether these bytes are one event, and one like that which was learned. */
export function isRepeat(repeated: RepeatedEvent, bytes: Buffer): boolean {
  const { head, tail, watched } = repeated
  if (head.length === 0) return false
  const textAt = matchLike(head, bytes, { from: 0, fixed: watched })
  const quote = textAt === -1 ? -1 : findQuote(bytes, textAt)
  if (quote === -1) return false
  if (matchLike(tail, bytes, { from: quote, fixed: watched }) !== bytes.length) return false
  repeated.idleLessons = 0
  return true
}

/** Takes note of an event that came whole and alone. */
export function learnEvent(repeated: RepeatedEvent, event: Buffer): void {
  if (event.length > MAX_EVENT_BYTES || repeated.idleLessons === MAX_IDLE_LESSONS) return
  const textAt = findText(event)
  // Within a string these quotes would stand behind backslashes: they are a name and the beginning of its value.
  const quote = textAt === -1 ? -1 : findQuote(event, textAt)
  if (quote === -1) return
  repeated.idleLessons++
  const [head, tail] = lastingPair(event.subarray(0, textAt), event.subarray(quote))
  repeated.head = head
  repeated.tail = tail
}

function findText(event: Buffer): number {
  for (const mark of TEXT_MARKS) {
    const at = event.indexOf(mark)
    if (at !== -1) return at + mark.length
  }
  return -1
}
