import type { AnswerFacts } from './answer-facts.ts'
import type { Demand } from './demand.ts'
import type { Endpoint } from './endpoint.ts'
import { NO_USAGE, totalOf, type Usage } from './usage.ts'

/** What a request has used, as far as anybody can tell. */
export interface Reading {
  readonly usage: Usage
  /** Whether any of it is estimated. */
  readonly isEstimated: boolean
  /** Whether it did what is billed: false for errors, for refused tasks and for what is free. */
  readonly isBilled: boolean
  /** Of the images, as the answer or else the request names them. */
  readonly imageSize: string | undefined
  readonly imageQuality: string | undefined
}

/** What is known of a request by now. */
export interface Evidence {
  readonly endpoint: Endpoint
  readonly demand: Demand
  /** Undefined before the answer has begun. */
  readonly facts: AnswerFacts | undefined
  /** Of a sound that is the answer; undefined when it is none. */
  readonly soundMs: number | undefined
  /** The answer is an image. */
  readonly isImage?: boolean
  /** Whether the answer has come to its proper end. */
  readonly isWhole: boolean
}

type Settled = Pick<Reading, 'usage' | 'isEstimated' | 'isBilled'>

const NOTHING: Settled = { usage: NO_USAGE, isEstimated: false, isBilled: false }

/** Transcribing models hear ten tokens a second. */
const TOKENS_PER_HEARD_SECOND = 10
/** Of a file whose length nobody tells: MP3 at 128 kbit/s. */
const UPLOAD_BYTES_PER_MS = 16
/** Speech takes a fifth of a second for what a token is in text. */
const SPOKEN_MS_PER_TOKEN = 200

/** What OpenAI's image models draw a square in, by quality; other sizes take half as much again. */
const TOKENS_BY_QUALITY: Readonly<Record<string, number>> = { low: 272, medium: 1056, high: 4160 }
const OTHER_QUALITY_TOKENS = 1056

/** The rule of docs/decisions/011-estimates.md. */
export function settle(evidence: Evidence): Reading {
  const { demand, facts } = evidence
  const { usage, isEstimated, isBilled } = settleUsage(evidence)
  return {
    usage,
    isEstimated,
    isBilled,
    imageSize: facts?.imageSize ?? demand.imageSize,
    imageQuality: facts?.imageQuality ?? demand.imageQuality,
  }
}

function settleUsage(evidence: Evidence): Settled {
  const { endpoint, facts, isWhole } = evidence
  if (endpoint === 'free' || (facts !== undefined && isFailure(facts))) return NOTHING
  switch (endpoint) {
    case 'chat':
    case 'completions':
    case 'responses':
    case 'embeddings':
      return settleTokens(evidence)
    case 'images':
      return settleImages(evidence)
    case 'speech':
      return settleSpeech(evidence)
    case 'transcription':
      return settleTranscription(evidence)
    case 'task':
      return facts?.isTaskRefused ? NOTHING : bill(NO_USAGE, !isWhole)
    default:
      return settleOther(evidence)
  }
}

/** An error that came before anything else; what came before an error was work. */
const isFailure = ({ hasError, usage, textTokens, images }: AnswerFacts): boolean =>
  hasError && usage === undefined && textTokens === 0 && images === 0

const bill = (usage: Usage, isEstimated: boolean): Settled => ({
  usage,
  isEstimated,
  isBilled: true,
})

function settleTokens({ endpoint, demand, facts }: Evidence): Settled {
  const textTokens = facts?.textTokens ?? 0
  const usage = facts?.usage
  // An embedding says nothing; anything else has begun to speak.
  const leastOutput = endpoint === 'embeddings' ? 0 : 1
  if (usage === undefined) {
    const inputTokens = Math.max(1, demand.inputTokens)
    return bill({ ...NO_USAGE, inputTokens, outputTokens: Math.max(leastOutput, textTokens) }, true)
  }
  // Nothing is not believed where there was something.
  const inputTokens = usage.inputTokens || demand.inputTokens
  const outputTokens =
    usage.outputTokens === 0 ? textTokens : usage.outputTokens + (facts?.laterTokens ?? 0)
  const isEstimated = inputTokens !== usage.inputTokens || outputTokens !== usage.outputTokens
  return bill({ ...usage, inputTokens, outputTokens }, isEstimated)
}

/** Of an answer that nobody here knows, a usage is believed; without one it is text, a sound or an image. */
function settleOther({ demand, facts, soundMs, isImage, isWhole }: Evidence): Settled {
  const { usage, textTokens = 0, laterTokens = 0 } = facts ?? {}
  if (usage !== undefined && totalOf(usage) > 0) {
    const outputTokens = usage.outputTokens + laterTokens
    const inputTokens = usage.inputTokens || demand.inputTokens
    const isTold = outputTokens === usage.outputTokens && inputTokens === usage.inputTokens
    return bill({ ...usage, inputTokens, outputTokens }, !isWhole || !isTold)
  }
  const inputTokens = Math.max(1, demand.inputTokens)
  const made = { images: isImage === true ? 1 : 0, audioMs: soundMs ?? 0 }
  return bill({ ...NO_USAGE, inputTokens, outputTokens: textTokens, ...made }, true)
}

function settleImages({ demand, facts, isWhole }: Evidence): Settled {
  const made = facts?.images ?? 0
  const usage = facts?.usage
  if (isWhole && made > 0) return bill({ ...(usage ?? NO_USAGE), images: made }, false)
  // They are made before the first byte of them is sent.
  const images = Math.max(made, demand.images, 1)
  const estimate = { ...NO_USAGE, ...estimateImageTokens(demand, images) }
  return bill({ ...(usage ?? estimate), images }, true)
}

function estimateImageTokens(
  { inputTokens, imageSize, imageQuality }: Demand,
  images: number,
): Pick<Usage, 'inputTokens' | 'outputTokens'> {
  const square = TOKENS_BY_QUALITY[imageQuality ?? ''] ?? OTHER_QUALITY_TOKENS
  const [, width, height] = /^(\d+)x(\d+)$/.exec(imageSize ?? '') ?? []
  return { inputTokens, outputTokens: images * (width === height ? square : square * 1.5) }
}

function settleSpeech({ demand, facts, soundMs, isWhole }: Evidence): Settled {
  const { characters, inputTokens } = demand
  const audioMs = soundMs || inputTokens * SPOKEN_MS_PER_TOKEN
  const usage = facts?.usage ?? NO_USAGE
  const isTold = facts?.usage !== undefined || (soundMs !== undefined && soundMs > 0)
  return bill({ ...usage, characters, audioMs }, !isWhole || !isTold)
}

function settleTranscription({ demand, facts, isWhole }: Evidence): Settled {
  if (facts?.usage !== undefined) return bill(facts.usage, false)
  const audioMs = facts?.durationMs ?? Math.ceil(demand.uploadBytes / UPLOAD_BYTES_PER_MS)
  const heard = Math.ceil((audioMs / 1000) * TOKENS_PER_HEARD_SECOND)
  const inputTokens = Math.max(1, heard)
  const outputTokens = Math.max(1, facts?.textTokens ?? 0)
  const isTold = isWhole && facts?.durationMs !== undefined
  // Who tells the duration bills by it.
  return isTold
    ? bill({ ...NO_USAGE, audioMs }, false)
    : bill({ ...NO_USAGE, inputTokens, outputTokens, audioMs }, true)
}
