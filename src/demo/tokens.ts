/** CJK, kana, hangul and emoji stand alone; everything below U+2E80 goes in runs of up to four. */
const PIECE = /[\u2e80-\u{10ffff}]|[^\u2e80-\u{10ffff}]{1,4}/gu

/**
 * Cuts a text into what the demo calls tokens: one for each character from U+2E80 up (CJK, emoji), one for
 * each run of up to four characters below it (Latin, digits, spaces). Joined, the pieces are the text.
 */
export function splitTokens(text: string): string[] {
  return text.match(PIECE) ?? []
}

/** How many pieces `splitTokens` would make, without making them. */
export function countTokens(text: string): number {
  let count = 0
  for (const _ of text.matchAll(PIECE)) count++
  return count
}
