import { findQuote } from './find-bytes.ts'
import type { JsonReader } from './json-reader.ts'
import { matchLike } from './match-like.ts'

/**
 * The events of one stream are alike but for their texts and numbers. An event that is like the last one that was
 * read has only its text to be counted, and that is a fifth of the work.
 */
export interface SameShape {
  /** The reader, watched: to be given to the scan whose lines are learned. */
  readonly reader: JsonReader
  /** Reads a line that is like the one learned; returns the index behind it, or -1 for one that is not. */
  read(chunk: Buffer, from: number): number
  /** A line begins that is not like the one learned. */
  begin(): void
  /** Takes note of the line that was read last, its end included, when it is whole and its text is all that it tells. */
  learn(chunk: Buffer, from: number, to: number): void
}

/** After as many lines of which no other was like them, no more are learned. */
const MAX_IDLE_LESSONS = 32
/** Longer lines are not kept: there may be thousands of streams. */
const MAX_SHAPE_BYTES = 1024

const NO_BYTES = Buffer.alloc(0)

export function createSameShape(reader: JsonReader): SameShape {
  const { text } = reader
  let head: Buffer = NO_BYTES
  let tail: Buffer = NO_BYTES
  /** Of the line that is being read. */
  let texts = 0
  let textFrom = 0
  let textEnd = 0
  let hasTold = false
  let ends = 0
  let idleLessons = 0

  const watched: JsonReader = {
    ...reader,
    text: {
      ...text,
      beginJson() {
        texts++
        text.beginJson()
      },
      readJson(chunk, from, to) {
        textFrom = from
        textEnd = text.readJson(chunk, from, to)
        return textEnd
      },
    },
    onValue(name, json) {
      hasTold = true
      reader.onValue(name, json)
    },
    onElement() {
      hasTold = true
      reader.onElement()
    },
    onEnd() {
      ends++
      reader.onEnd()
    },
  }

  return {
    reader: watched,
    read(chunk, from) {
      if (head.length === 0) return -1
      const textAt = matchLike(head, chunk, { from })
      if (textAt === -1) return -1
      const quoteAt = findQuote(chunk, textAt)
      const end = quoteAt === -1 ? -1 : matchLike(tail, chunk, { from: quoteAt })
      if (end === -1) return -1
      idleLessons = 0
      text.beginJson()
      text.readJson(chunk, textAt, quoteAt + 1)
      return end
    },
    begin() {
      texts = 0
      ends = 0
      hasTold = false
    },
    learn(chunk, from, to) {
      const isAllText = texts === 1 && ends === 1 && !hasTold
      if (!isAllText || idleLessons === MAX_IDLE_LESSONS) return
      if (textFrom - from + (to - textEnd) > MAX_SHAPE_BYTES) return
      idleLessons++
      // Copies: the chunk is a view of the socket's read buffer, which would be kept alive whole.
      head = Buffer.from(chunk.subarray(from, textFrom))
      tail = Buffer.from(chunk.subarray(textEnd - 1, to))
    },
  }
}
