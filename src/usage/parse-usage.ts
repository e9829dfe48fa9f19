import { NO_USAGE, type Usage } from './usage.ts'

/** Above every context and every batch there is; more tokens than this in one request are a lie. */
const MAX_TOKENS = 20_000_000
const MAX_AUDIO_SECONDS = 1_000_000

type Fields = Readonly<Record<string, unknown>>

const NO_FIELDS: Fields = {}

/**
 * Reads the `usage` of an answer, as chat, completions, responses, embeddings, images and audio write it.
 * Undefined when it is none, or when one of its totals cannot be true: what was used is then estimated. A
 * detail that cannot be true is as if it were not there, and none is larger than the total it belongs to.
 */
export function parseUsage(value: unknown): Usage | undefined {
  if (!isFields(value)) return undefined
  if (value['type'] === 'duration') return parseDuration(value['seconds'])
  const input = withCacheBeside(value, readTotal(value, 'prompt_tokens', 'input_tokens'))
  const output = readTotal(value, 'completion_tokens', 'output_tokens')
  if (input === null || output === null) return undefined
  if (input === undefined && output === undefined) {
    // Some embeddings and rerankers tell nothing else.
    const total = parseCount(value['total_tokens'])
    return total === undefined ? undefined : { ...NO_USAGE, inputTokens: total }
  }
  const inputTokens = input ?? 0
  const reasoning = readReasoning(value)
  const outputTokens = includeReasoning({
    value,
    inputTokens,
    outputTokens: output ?? 0,
    reasoning,
  })
  const cachedTokens = Math.min(readCached(value), inputTokens)
  const reasoningTokens = Math.min(reasoning, outputTokens)
  return { ...NO_USAGE, inputTokens, cachedTokens, outputTokens, reasoningTokens }
}

function parseDuration(value: unknown): Usage | undefined {
  const isTrue = typeof value === 'number' && value >= 0 && value <= MAX_AUDIO_SECONDS
  return isTrue ? { ...NO_USAGE, audioMs: Math.ceil(value * 1000) } : undefined
}

/** Undefined when neither name is there, null when one holds no count; of two counts the larger. */
function readTotal(fields: Fields, name: string, otherName: string): number | null | undefined {
  const value = fields[name] ?? undefined
  const otherValue = fields[otherName] ?? undefined
  if (value === undefined && otherValue === undefined) return undefined
  const count = value === undefined ? 0 : parseCount(value)
  const otherCount = otherValue === undefined ? 0 : parseCount(otherValue)
  // Gateways that write both families' names leave those of the other at 0.
  return count === undefined || otherCount === undefined ? null : Math.max(count, otherCount)
}

/** Anthropic counts what was read from its cache, or written there, beside the input; it is billed as input. */
function withCacheBeside<Total extends number | null | undefined>(
  fields: Fields,
  input: Total,
): Total | number {
  if (typeof input !== 'number' || fields['prompt_tokens'] != null) return input
  const beside = [fields['cache_read_input_tokens'], fields['cache_creation_input_tokens']]
  return beside.reduce((sum: number, count) => sum + (parseCount(count) ?? 0), input)
}

function readCached(fields: Fields): number {
  const details = readDetails(fields, 'prompt_tokens_details', 'input_tokens_details')
  return (
    parseCount(details['cached_tokens']) ??
    parseCount(fields['prompt_cache_hit_tokens']) ??
    parseCount(fields['cache_read_input_tokens']) ??
    0
  )
}

function readReasoning(fields: Fields): number {
  const details = readDetails(fields, 'completion_tokens_details', 'output_tokens_details')
  return parseCount(details['reasoning_tokens']) ?? 0
}

function readDetails(fields: Fields, name: string, otherName: string): Fields {
  const details = fields[name]
  if (isFields(details)) return details
  const otherDetails = fields[otherName]
  return isFields(otherDetails) ? otherDetails : NO_FIELDS
}

/** Some providers count reasoning beside the output, and then only their total tells. */
function includeReasoning(counts: {
  readonly value: Fields
  readonly inputTokens: number
  readonly outputTokens: number
  readonly reasoning: number
}): number {
  const { value, inputTokens, outputTokens, reasoning } = counts
  const isBeside = parseCount(value['total_tokens']) === inputTokens + outputTokens + reasoning
  return isBeside ? outputTokens + reasoning : outputTokens
}

/** A part of a token is billed as a token. */
function parseCount(value: unknown): number | undefined {
  const isTrue = typeof value === 'number' && value >= 0 && value <= MAX_TOKENS
  return isTrue ? Math.ceil(value) : undefined
}

const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
