import { findQuote, isAt } from '../usage/scan/find-bytes.ts'

/** Knows the events of a stream that are the same but for the text of their `content`. */
export interface RepeatedEvent {
  /** Whether these bytes are one event, and the one that was learned but for its text. */
  isRepeat(bytes: Buffer): boolean
  /** Takes note of an event that came whole and alone. */
  learn(event: Buffer): void
}

const CONTENT = Buffer.from('"content":"')
const NO_BYTES = Buffer.alloc(0)

/** Longer events are not kept: there may be thousands of streams. */
const MAX_EVENT_BYTES = 1024
/** After as many events of which no other was a repeat, no more are learned. */
const MAX_IDLE_LESSONS = 16

export function createRepeatedEvent(): RepeatedEvent {
  let head: Buffer = NO_BYTES
  let tail: Buffer = NO_BYTES
  let idleLessons = 0

  return {
    isRepeat(bytes) {
      const tailAt = bytes.length - tail.length
      if (head.length === 0 || tailAt < head.length) return false
      if (!isAt(bytes, tailAt, tail) || !isAt(bytes, 0, head)) return false
      if (findQuote(bytes, head.length) !== tailAt) return false
      idleLessons = 0
      return true
    },
    learn(event) {
      if (event.length > MAX_EVENT_BYTES || idleLessons === MAX_IDLE_LESSONS) return
      const at = event.indexOf(CONTENT)
      // Within a string these quotes would stand behind backslashes: they are a name and the beginning of its value.
      const quote = at === -1 ? -1 : findQuote(event, at + CONTENT.length)
      if (quote === -1) return
      idleLessons++
      // Copies: the event is a view of the socket's read buffer, which would be kept alive whole.
      head = Buffer.from(event.subarray(0, at + CONTENT.length))
      tail = Buffer.from(event.subarray(quote))
    },
  }
}
