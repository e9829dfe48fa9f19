/** What one request used, as providers bill it. Counts are whole and never negative. */
export interface Usage {
  /** Cached ones included. */
  readonly inputTokens: number
  readonly cachedTokens: number
  /** Reasoning included. */
  readonly outputTokens: number
  readonly reasoningTokens: number
  readonly images: number
  /** Characters of text that were spoken. */
  readonly characters: number
  /** Of audio that was heard or made. */
  readonly audioMs: number
}

export const NO_USAGE: Usage = Object.freeze({
  inputTokens: 0,
  cachedTokens: 0,
  outputTokens: 0,
  reasoningTokens: 0,
  images: 0,
  characters: 0,
  audioMs: 0,
})

/** What tells of more use than another. */
export const totalOf = ({ inputTokens, outputTokens, audioMs }: Usage): number =>
  inputTokens + outputTokens + audioMs
