import { NO_TEXTS, wantAnyText } from './any-text.ts'
import type { Endpoint } from './endpoint.ts'
import { createJsonNames, type JsonNames } from './scan/json-names.ts'
import { type JsonReader, WANT, type Want } from './scan/json-reader.ts'
import { parseJson } from './scan/parse-json.ts'
import { parseUsage } from './parse-usage.ts'
import { createTextTally } from './scan/text-tally.ts'
import { totalOf, type Usage } from './usage.ts'

/** What the JSON of an answer has told by now. */
export interface AnswerFacts {
  readonly usage: Usage | undefined
  /** Of text, estimated. */
  readonly textTokens: number
  /** Those of them that came after the usage was told. */
  readonly laterTokens: number
  readonly images: number
  readonly imageSize: string | undefined
  readonly imageQuality: string | undefined
  /** Of the sound that was heard. */
  readonly durationMs: number | undefined
  /** It is an error, or ended with one. */
  readonly hasError: boolean
  /** It says of a task that it has not begun. */
  readonly isTaskRefused: boolean
}

/** What has been read of an answer by now; it is what its scan tells, too. */
export interface AnswerState extends JsonReader {
  readonly endpoint: Endpoint
  readonly isEvents: boolean
  /** By name, of what tells something else; most answers have none. */
  values: Map<string, unknown> | undefined
  usage: Usage | undefined
  /** That of the document which is passing. */
  pending: Usage | undefined
  coveredTokens: number
  images: number
}

type TextNames = Partial<Record<Endpoint, readonly string[]>>

const CHAT_TEXTS = [
  'content',
  'reasoning_content',
  'reasoning',
  'refusal',
  'arguments',
  'transcript',
]

/** Members that hold what a model said, each of its words once. */
const EVENT_TEXTS: TextNames = {
  chat: CHAT_TEXTS,
  completions: ['text'],
  responses: ['delta'],
  transcription: ['delta'],
}
const BODY_TEXTS: TextNames = {
  chat: CHAT_TEXTS,
  completions: ['text'],
  responses: ['text', 'refusal', 'arguments', 'input'],
  transcription: ['text'],
}

/** Members that tell something else; the outermost ones only. */
const EVENT_VALUES: TextNames = {
  images: ['type', 'size', 'quality'],
  // Only an event that is an error has one of its own.
  responses: ['message'],
  other: ['message', ...NO_TEXTS],
}
const BODY_VALUES: TextNames = {
  other: ['message', ...NO_TEXTS],
  images: ['size', 'quality', 'data'],
  transcription: ['duration'],
  task: ['code'],
}

/** What a family of tasks says when it has begun one: Midjourney's 22 is a place in the queue, Jimeng's 10000 is its 0. */
const BEGUN = /^(?:0*|1|22|2\d\d|10000|null|ok|success|succeed(?:ed)?|submitted|created)$/i

const MAX_DURATION_SECONDS = 1_000_000

const namesOf = (texts: TextNames, values: TextNames) => {
  const known = new Map<Endpoint, JsonNames>()
  return (endpoint: Endpoint): JsonNames => {
    const found = known.get(endpoint)
    if (found !== undefined) return found
    const listed = [...(texts[endpoint] ?? []), ...(values[endpoint] ?? [])]
    const names = createJsonNames(['usage', 'response', 'error', ...listed])
    known.set(endpoint, names)
    return names
  }
}
const eventNames = namesOf(EVENT_TEXTS, EVENT_VALUES)
const bodyNames = namesOf(BODY_TEXTS, BODY_VALUES)

/** Reads the answer of an endpoint, as one JSON document or as many. */
export function createAnswerState(endpoint: Endpoint, isEvents: boolean): AnswerState {
  return {
    names: (isEvents ? eventNames : bodyNames)(endpoint),
    others: endpoint === 'other' ? WANT.TEXT : WANT.NOTHING,
    text: createTextTally(),
    onName: want,
    onValue: take,
    onElement: countElement,
    onEnd: endDocument,
    endpoint,
    isEvents,
    values: undefined,
    usage: undefined,
    pending: undefined,
    coveredTokens: 0,
    images: 0,
  }
}

/** Of text and of what is told beside it, as far as anybody can tell by now. */
export const countOutputTokens = (answer: AnswerState): number =>
  (mergeUsages(answer)?.outputTokens ?? 0) + countLater(answer)

export function readFacts(answer: AnswerState): AnswerFacts {
  const { values, text, images } = answer
  return {
    usage: mergeUsages(answer),
    textTokens: text.tokenCount,
    laterTokens: countLater(answer),
    images,
    imageSize: asText(values?.get('size')),
    imageQuality: asText(values?.get('quality')),
    durationMs: asDurationMs(values?.get('duration')),
    hasError: values !== undefined && (values.has('error') || values.has('message')),
    isTaskRefused: values?.has('code') === true && !BEGUN.test(String(values.get('code'))),
  }
}

function want(name: string, depth: number, parent: string, { endpoint }: AnswerState): Want {
  // Anthropic's streams tell their input in the message that they begin with.
  const isTop = depth === 1 || (depth === 2 && (parent === 'response' || parent === 'message'))
  switch (name) {
    case 'usage':
      return isTop ? WANT.OBJECT : WANT.NOTHING
    case 'error':
      return isTop ? WANT.VALUE : WANT.NOTHING
    case 'response':
      return endpoint === 'other' ? WANT.TEXT : WANT.NOTHING
  }
  if (endpoint === 'other') return wantAnyText(name, depth)
  switch (name) {
    case 'data':
      return depth === 1 ? WANT.ELEMENTS : WANT.NOTHING
    case 'type':
    case 'size':
    case 'quality':
    case 'duration':
    case 'code':
    case 'message':
      return depth === 1 ? WANT.VALUE : WANT.NOTHING
    default:
      // The segments of a transcription repeat its text.
      return endpoint === 'transcription' && depth > 1 ? WANT.NOTHING : WANT.TEXT
  }
}

function take(name: string, json: string, answer: AnswerState): void {
  const value = parseJson(json)
  if (name === 'usage') answer.pending = largerOf(answer.pending, parseUsage(value))
  else if (name === 'type') answer.images += String(value).endsWith('.completed') ? 1 : 0
  else if (name !== 'error' || Boolean(value)) {
    answer.values ??= new Map()
    answer.values.set(name, value)
  }
}

function countElement(answer: AnswerState): void {
  answer.images++
}

function endDocument(answer: AnswerState): void {
  if (answer.pending === undefined) return
  answer.usage = mergeUsages(answer)
  answer.pending = undefined
  // What stands beside a usage is in it; what follows is not.
  answer.coveredTokens = answer.text.tokenCount
}

function mergeUsages({ endpoint, isEvents, usage, pending }: AnswerState): Usage | undefined {
  if (usage === undefined || pending === undefined) return pending ?? usage
  if (endpoint === 'other') return most(usage, pending)
  return isEvents && endpoint === 'images' ? sum(usage, pending) : larger(usage, pending)
}

const countLater = ({ pending, text, coveredTokens }: AnswerState): number =>
  pending === undefined ? text.tokenCount - coveredTokens : 0

/** Of two usages, as of a stream that repeats it with every event, the one that tells of more; of equals the later. */
const larger = (former: Usage, latter: Usage): Usage =>
  totalOf(latter) >= totalOf(former) ? latter : former

const largerOf = (former: Usage | undefined, latter: Usage | undefined): Usage | undefined =>
  former === undefined || latter === undefined ? (latter ?? former) : larger(former, latter)

/** Each image of a stream comes with its own usage. */
const sum = (former: Usage, latter: Usage): Usage => join(former, latter, (a, b) => a + b)

/** Of a stream that tells its input at its beginning and its output at its end. */
const most = (former: Usage, latter: Usage): Usage => join(former, latter, Math.max)

const join = (former: Usage, latter: Usage, of: (a: number, b: number) => number): Usage => ({
  ...latter,
  inputTokens: of(former.inputTokens, latter.inputTokens),
  cachedTokens: of(former.cachedTokens, latter.cachedTokens),
  outputTokens: of(former.outputTokens, latter.outputTokens),
  reasoningTokens: of(former.reasoningTokens, latter.reasoningTokens),
})

const asText = (value: unknown): string | undefined =>
  typeof value === 'string' ? value : undefined

function asDurationMs(value: unknown): number | undefined {
  const isTrue = typeof value === 'number' && value >= 0 && value <= MAX_DURATION_SECONDS
  return isTrue ? Math.ceil(value * 1000) : undefined
}
