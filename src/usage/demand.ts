import { NO_TEXTS, wantAnyText } from './any-text.ts'
import type { Endpoint } from './endpoint.ts'
import { createJsonNames } from './scan/json-names.ts'
import { type JsonReader, WANT, type Want } from './scan/json-reader.ts'
import { writeJson } from './scan/json-scan.ts'
import { parseJson } from './scan/parse-json.ts'
import { createScanState } from './scan/scan-state.ts'
import { createTextTally } from './scan/text-tally.ts'

/** What a request asks for, as far as its bytes tell; what no answer tells is billed by it. */
export interface Demand {
  /** Estimated. */
  readonly inputTokens: number
  /** Of the text to be spoken. */
  readonly characters: number
  readonly images: number
  /** As the request names them; undefined when it does not. */
  readonly imageSize: string | undefined
  readonly imageQuality: string | undefined
  /** Of a file that is sent along. */
  readonly uploadBytes: number
  /** As a form names it; the model of a JSON body is read by policy. */
  readonly formModel: string | undefined
}

/** Reads a request's body while it passes, in bounded memory. */
export interface DemandMeter {
  readonly write: (chunk: Buffer) => void
  /** What has been asked for by now. */
  readonly read: () => Demand
}

export const NO_DEMAND: Demand = Object.freeze({
  inputTokens: 0,
  characters: 0,
  images: 0,
  imageSize: undefined,
  imageQuality: undefined,
  uploadBytes: 0,
  formModel: undefined,
})

/** What a message costs beside its text: its role, and the marks around it. */
const TOKENS_PER_MESSAGE = 4
/** What OpenAI counts for an image at least, and for one of 1024 × 1024 pixels in detail. */
const TOKENS_PER_IMAGE = 85
const TOKENS_PER_DETAILED_IMAGE = 765
/** OpenAI makes no more at once. */
const MAX_IMAGES = 10

/** Members whose texts a model reads. */
const TEXTS: Partial<Record<Endpoint, readonly string[]>> = {
  chat: ['content', 'text', 'refusal', 'reasoning_content', 'arguments'],
  completions: ['prompt', 'suffix'],
  responses: ['input', 'instructions', 'content', 'text', 'refusal', 'arguments', 'output'],
  embeddings: ['input'],
  images: ['prompt'],
  speech: ['input'],
  // And whatever else there is.
  other: [],
}

/** Members that a model reads with all that is in them, names too. */
const DEFINITIONS: ReadonlySet<string> = new Set(['tools', 'functions', 'response_format'])

const IMAGE_TYPES: ReadonlySet<string> = new Set(['image_url', 'input_image', 'image'])

const NAMES = createJsonNames([
  ...new Set(Object.values(TEXTS).flat()),
  ...DEFINITIONS,
  'role',
  'type',
  'detail',
  'n',
  'size',
  'quality',
])
const OTHER_NAMES = createJsonNames([...new Set([...DEFINITIONS, ...NO_TEXTS, 'detail'])])

/** What a JSON body has asked for by now; it is what its scan tells, too. */
interface DemandState extends JsonReader {
  readonly endpoint: Endpoint
  readonly texts: readonly string[]
  readonly isTalk: boolean
  /** By name; most requests are talks, which have none. */
  values: Map<string, unknown> | undefined
  roles: number
  instructions: number
  imageTokens: number
}

const NOTHING_MEASURED: DemandMeter = { write() {}, read: () => NO_DEMAND }

/** Measures a JSON body. */
export function createDemandMeter(endpoint: Endpoint): DemandMeter {
  const texts = TEXTS[endpoint]
  if (texts === undefined) return NOTHING_MEASURED
  const asked = createDemandState(endpoint, texts)
  const scan = createScanState(asked)
  return {
    write: (chunk) => writeJson(scan, chunk, 0, chunk.length),
    read: () => readDemand(asked),
  }
}

function createDemandState(endpoint: Endpoint, texts: readonly string[]): DemandState {
  const isOther = endpoint === 'other'
  return {
    names: isOther ? OTHER_NAMES : NAMES,
    others: isOther ? WANT.TEXT : WANT.NOTHING,
    text: createTextTally(),
    onName: want,
    onValue: take,
    onElement: ignore,
    onEnd: ignore,
    endpoint,
    texts,
    isTalk: isOther || endpoint === 'chat' || endpoint === 'responses',
    values: undefined,
    roles: 0,
    instructions: 0,
    imageTokens: 0,
  }
}

function ignore(): void {}

function want(name: string, depth: number, _parent: string, asked: DemandState): Want {
  const { endpoint, isTalk } = asked
  if (name === 'role') asked.roles++
  if (name === 'instructions' && depth === 1) asked.instructions++
  if (asked.texts.includes(name)) return WANT.TEXT
  if (isTalk && DEFINITIONS.has(name) && depth === 1) return WANT.ALL_TEXT
  if (endpoint === 'other' && name !== 'type') return wantAnyText(name, depth)
  const isRead = isTalk ? name === 'type' || name === 'detail' : depth === 1
  return isRead ? WANT.VALUE : WANT.NOTHING
}

function take(name: string, json: string, asked: DemandState): void {
  const value = parseJson(json)
  if (!asked.isTalk) {
    asked.values ??= new Map()
    asked.values.set(name, value)
  } else if (IMAGE_TYPES.has(String(value))) asked.imageTokens += TOKENS_PER_IMAGE
  else if (value === 'high') asked.imageTokens += TOKENS_PER_DETAILED_IMAGE - TOKENS_PER_IMAGE
}

function readDemand(asked: DemandState): Demand {
  const { endpoint, text, imageTokens, values } = asked
  const { images, imageSize, imageQuality } =
    endpoint === 'images' ? readImages((name) => values?.get(name)) : NO_DEMAND
  return {
    inputTokens: text.tokenCount + imageTokens + TOKENS_PER_MESSAGE * countMessages(asked),
    characters: endpoint === 'speech' ? text.characterCount : 0,
    images,
    imageSize,
    imageQuality,
    uploadBytes: 0,
    formModel: undefined,
  }
}

/** A text for all of the input is one message. */
function countMessages({ endpoint, isTalk, roles, instructions }: DemandState): number {
  if (endpoint === 'other') return roles
  return isTalk ? Math.max(roles, 1) + instructions : 0
}

/** How many images are asked for, and of which kind. */
export function readImages(
  field: (name: string) => unknown,
): Pick<Demand, 'images' | 'imageSize' | 'imageQuality'> {
  const n = field('n')
  const size = field('size')
  const quality = field('quality')
  const images = typeof n === 'number' && n >= 1 ? Math.min(Math.floor(n), MAX_IMAGES) : 1
  return {
    images,
    imageSize: typeof size === 'string' ? size : undefined,
    imageQuality: typeof quality === 'string' ? quality : undefined,
  }
}
