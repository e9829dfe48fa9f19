import type { ChosenBehaviour } from './behaviours.ts'
import { countTokens, splitTokens } from './tokens.ts'

/** One delta of an answer. */
export interface Piece {
  readonly text: string
  readonly outputTokens: number
}

/** What the model says, delta by delta. */
export interface Reply {
  readonly pieces: Iterable<Piece>
  readonly finishReason: 'stop' | 'length'
}

interface ReplyRequest {
  /** The text of the client's last message. */
  readonly prompt: string
  readonly model: string
  /** Tokens the client allows; ignored where the model's name fixes the length. */
  readonly limit: number | undefined
  readonly behaviour: ChosenBehaviour
  /** What the client sent as credential, for the model that leaks it. */
  readonly credential: string
}

const ECHO_MAX_CHARACTERS = 200
const BLOCK_BYTES = 16 * 1024
const MEBIBYTE = 1024 * 1024
const HUGE_EVENT_BYTES = 5 * MEBIBYTE
const BLOCK_SENTENCE = 'All work and no play. '

/** Makes up the answer: it repeats the prompt's beginning, in Chinese and English, with emoji. */
export function createReply(request: ReplyRequest): Reply {
  const { behaviour, limit } = request
  const sentence = splitTokens(speak(request))
  switch (behaviour.name) {
    case 'demo-long-<events>':
      return whole(repeatTokens(sentence, behaviour.amount))
    case 'demo-bytes-<MiB>':
      return whole(repeatBlock(BLOCK_BYTES, (behaviour.amount * MEBIBYTE) / BLOCK_BYTES))
    case 'demo-huge-event':
      return whole(repeatBlock(HUGE_EVENT_BYTES, 1))
    case 'demo-echo-key':
      return whole(leak(sentence, request.credential))
    default: {
      const said = sentence.slice(0, limit)
      const finishReason = said.length < sentence.length ? 'length' : 'stop'
      return { pieces: repeatTokens(said, said.length), finishReason }
    }
  }
}

/** The whole answer at once, for an endpoint that does not stream it. */
export function collectReply({ pieces }: Reply): Piece {
  const texts: string[] = []
  let outputTokens = 0
  for (const piece of pieces) {
    texts.push(piece.text)
    outputTokens += piece.outputTokens
  }
  return { text: texts.join(''), outputTokens }
}

function speak({ prompt, model }: ReplyRequest): string {
  const echo = firstCharacters(prompt, ECHO_MAX_CHARACTERS)
  return (
    `你好！你刚才说：「${echo}」。This is ${model} on the demo upstream; no model was asked. ` +
    '每个词都是一个事件，祝你开发愉快 🚀🎉👋'
  )
}

/** Characters, not UTF-16 units: an emoji at the cut stays whole. */
function firstCharacters(text: string, count: number): string {
  return Array.from(text.slice(0, 2 * count))
    .slice(0, count)
    .join('')
}

function whole(pieces: Iterable<Piece>): Reply {
  return { pieces, finishReason: 'stop' }
}

function* repeatTokens(tokens: readonly string[], count: number): Generator<Piece> {
  for (let i = 0; i < count; i++) yield { text: tokens[i % tokens.length] ?? '', outputTokens: 1 }
}

function* repeatBlock(bytes: number, count: number): Generator<Piece> {
  const text = BLOCK_SENTENCE.repeat(Math.ceil(bytes / BLOCK_SENTENCE.length)).slice(0, bytes)
  const piece = { text, outputTokens: countTokens(text) }
  for (let i = 0; i < count; i++) yield piece
}

function* leak(tokens: readonly string[], credential: string): Generator<Piece> {
  yield* repeatTokens(tokens.slice(0, 5), 5)
  const text = ` Your key is ${credential}. `
  yield { text, outputTokens: countTokens(text) }
  yield* repeatTokens(tokens.slice(5), tokens.length - 5)
}
