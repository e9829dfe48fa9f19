import {
  beginJsonText,
  createTextTally,
  readPlainText,
  readText,
  type TextTally,
} from './text-tally.ts'

/** Counts the characters of texts, and what they are estimated to be in tokens. */
export interface TextCount extends TextTally {
  /** Begins a JSON string, whether or not the one before has ended. */
  beginJson(): void
  /** Reads a JSON string from inside it; returns the index behind its closing quote, or -1 when it goes on behind `to`. */
  readJson(chunk: Uint8Array, from: number, to: number): number
  /** Reads bytes that are text as they are. */
  readPlain(chunk: Uint8Array): void
  /** Counts what is tokens already. */
  addTokens(count: number): void
  tokens(): number
  characters(): number
}

/** A tally with all that can be done to it: for who makes few of them. */
export function createTextCount(): TextCount {
  const count: TextCount = {
    ...createTextTally(),
    beginJson: () => beginJsonText(count),
    readJson: (chunk, from, to) => readText(count, chunk, from, to),
    readPlain: (chunk) => readPlainText(count, chunk),
    addTokens(tokens) {
      count.tokenCount += tokens
    },
    tokens: () => count.tokenCount,
    characters: () => count.characterCount,
  }
  return count
}
