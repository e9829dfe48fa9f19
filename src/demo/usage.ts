import { isObject } from './demo-request.ts'
import { countTokens } from './tokens.ts'

/** Input as the demo counts it. */
export interface InputUsage {
  readonly inputTokens: number
  readonly cachedTokens: number
}

const TOKENS_PER_MESSAGE = 4
const TOKENS_PER_IMAGE = 85
const CACHE_MIN_TOKENS = 1024
const CACHE_STEP_TOKENS = 128
const REASONING_TOKENS = 64
const REASONING_MODEL = /^(?:o\d|gpt-5)/

/** Counts messages: their text, 85 for each image, 4 for each message. */
export function measureMessages(messages: readonly unknown[]): InputUsage {
  let inputTokens = 0
  for (const message of messages) {
    const content = isObject(message) ? message['content'] : message
    inputTokens += TOKENS_PER_MESSAGE + measureContent(content)
  }
  return withCache(inputTokens)
}

/** Counts a string, a list of strings, or lists of token numbers, as embeddings and completions take them. */
export function measureInput(input: unknown): InputUsage {
  if (typeof input === 'string') return withCache(countTokens(input))
  if (!Array.isArray(input)) return withCache(0)
  let inputTokens = 0
  for (const item of input as unknown[]) {
    if (typeof item === 'number') inputTokens++
    else if (Array.isArray(item)) inputTokens += item.length
    else if (typeof item === 'string') inputTokens += countTokens(item)
  }
  return withCache(inputTokens)
}

/** What a reasoning model (o1, o3, gpt-5, …) thinks before it speaks; part of its output tokens. */
export function reasoningTokensOf(model: string): number {
  return REASONING_MODEL.test(model) ? REASONING_TOKENS : 0
}

/** The text of a message's content: a string, or the text parts of a list. */
export function readContent(content: unknown): string {
  if (typeof content === 'string') return content
  if (!Array.isArray(content)) return ''
  return (content as unknown[]).map((part) => readPart(part)).join('')
}

function measureContent(content: unknown): number {
  const images = Array.isArray(content) ? (content as unknown[]).filter(isImage).length : 0
  return countTokens(readContent(content)) + TOKENS_PER_IMAGE * images
}

function readPart(part: unknown): string {
  const text = isObject(part) ? part['text'] : undefined
  return typeof text === 'string' ? text : ''
}

function isImage(part: unknown): boolean {
  return isObject(part) && /image/.test(String(part['type']))
}

/** Half of a long input counts as cached, in steps of 128, as prompt caching reports it. */
function withCache(inputTokens: number): InputUsage {
  const half = inputTokens >= CACHE_MIN_TOKENS ? inputTokens / 2 : 0
  return { inputTokens, cachedTokens: Math.floor(half / CACHE_STEP_TOKENS) * CACHE_STEP_TOKENS }
}
