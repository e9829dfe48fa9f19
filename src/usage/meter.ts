import {
  type AnswerState,
  countOutputTokens,
  createAnswerState,
  readFacts,
} from './answer-facts.ts'
import type { Demand } from './demand.ts'
import type { Endpoint } from './endpoint.ts'
import { createEventScan } from './scan/event-scan.ts'
import { writeJson } from './scan/json-scan.ts'
import { createScanState } from './scan/scan-state.ts'
import { readPlainText } from './scan/text-tally.ts'
import { NO_USAGE } from './usage.ts'
import { type Reading, settle } from './settle.ts'
import { createSoundLength, type SoundLength } from './sound-length.ts'

/** The head of an answer. */
export interface AnsweredHead {
  readonly status: number
  readonly isEventStream: boolean
  readonly contentType: string | undefined
}

/** Finds out what one request uses, from its demand and from its answer as it passes. It never throws, and holds nothing up. */
export interface Meter {
  /** The answer begins. */
  begin(head: AnsweredHead): void
  /** Takes the next bytes of the answer, decoded and in any pieces. */
  write(chunk: Buffer): void
  /** Tokens of output by now; what a running stream is topped up by. */
  outputTokens(): number
  /** What has been used by now, or in all once the answer has come to its proper end. */
  read(isWhole: boolean): Reading
}

interface MeterOptions {
  readonly endpoint: Endpoint
  /** What has been asked for by now: an upload may still be passing when its answer ends. */
  readonly demand: () => Demand
}

const UNBILLED: Reading = Object.freeze({
  usage: NO_USAGE,
  isEstimated: false,
  isBilled: false,
  imageSize: undefined,
  imageQuality: undefined,
})

/** What is no text and no sound: an image, or something of which only its request tells. */
const OPAQUE_TYPE =
  /^\s*(?:image|video|font|model)\/|^\s*application\/(?:octet-stream|pdf|(?:x-)?g?zip)/i
const IMAGE_TYPE = /^\s*image\//i
const SOUND_TYPE = /^\s*audio\//i
const ANY_JSON_TYPE = /json/i

const JSON_TYPE = /^\s*(?:application|text)\/(?:[\w.+-]*\+)?json\s*(?:;|$)/i

/** Reads an answer in one of its forms. */
interface Tap {
  readonly answer: AnswerState | undefined
  readonly sound: SoundLength | undefined
  readonly isImage: boolean
  readonly write: (chunk: Buffer) => void
}

const NO_TAP: Tap = { answer: undefined, sound: undefined, isImage: false, write() {} }

interface AnswerMeter extends Meter, MeterOptions {
  tap: Tap
  hasFailed: boolean
}

export function createMeter({ endpoint, demand }: MeterOptions): Meter {
  const meter: AnswerMeter = { endpoint, demand, tap: NO_TAP, hasFailed: false, ...METHODS }
  return meter
}

/** The same for every answer: thousands of streams are open, and each would keep its own. */
const METHODS = {
  begin(this: AnswerMeter, head: AnsweredHead): void {
    this.hasFailed = head.status < 200 || head.status > 299
    if (!this.hasFailed && this.endpoint !== 'free') this.tap = createTap(this.endpoint, head)
  },
  write(this: AnswerMeter, chunk: Buffer): void {
    this.tap.write(chunk)
  },
  outputTokens(this: AnswerMeter): number {
    const { answer } = this.tap
    return answer === undefined ? 0 : countOutputTokens(answer)
  },
  read(this: AnswerMeter, isWhole: boolean): Reading {
    const { endpoint, demand, tap, hasFailed } = this
    if (hasFailed) return UNBILLED
    return settle({
      endpoint,
      demand: demand(),
      facts: tap.answer && readFacts(tap.answer),
      soundMs: tap.sound?.readMs(),
      isImage: tap.isImage,
      isWhole,
    })
  },
}

function createTap(endpoint: Endpoint, { isEventStream, contentType }: AnsweredHead): Tap {
  const type = contentType ?? ''
  const isOther = endpoint === 'other'
  const isJson = JSON_TYPE.test(type) || (isOther && (type === '' || ANY_JSON_TYPE.test(type)))
  const isSound = isOther ? SOUND_TYPE.test(type) : endpoint === 'speech' && !isJson
  if (isSound && !isEventStream) {
    const sound = createSoundLength(type)
    return { answer: undefined, sound, isImage: false, write: (chunk) => sound.write(chunk) }
  }
  if (isOther && OPAQUE_TYPE.test(type)) return { ...NO_TAP, isImage: IMAGE_TYPE.test(type) }
  const answer = createAnswerState(endpoint, isEventStream)
  const isPlain = (endpoint === 'transcription' || isOther) && !isJson
  return { answer, sound: undefined, isImage: false, write: createWrite(answer, isPlain) }
}

function createWrite(answer: AnswerState, isPlain: boolean): Tap['write'] {
  if (answer.isEvents) return createEventScan(answer).write
  if (isPlain) return (chunk) => readPlainText(answer.text, chunk)
  const scan = createScanState(answer)
  return (chunk) => writeJson(scan, chunk, 0, chunk.length)
}
