import { brotliCompressSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib'

import { CREDENTIAL_FORMS } from '../helpers/credential-forms.ts'
import { createDice, type Dice } from '../helpers/dice.ts'
import { markOf } from './case-mark.ts'
import { FUZZ_CREDENTIAL } from './fuzz-secrets.ts'
import { mutate } from './mutate.ts'
import { chunk } from './request-case.ts'

/** What an upstream answers to one request. */
export interface AnswerCase {
  readonly id: string
  /** The path that is asked for. */
  readonly path: string
  /** One character a byte; each piece is written by itself. */
  readonly pieces: readonly string[]
  /** Whether it may be no HTTP any more, or be cut. */
  readonly isBroken: boolean
  /** What the upstream does then: keeps the connection, closes or resets it. */
  readonly end: 'keep' | 'close' | 'reset'
}

const PATHS = [
  '/v1/chat/completions',
  '/v1/chat/completions',
  '/v1/completions',
  '/v1/responses',
  '/v1/audio/speech',
  '/mj/submit/imagine',
]

const STATUSES = [
  '200 OK',
  '200 OK',
  '200 OK',
  '201 Created',
  '204 No Content',
  '304 Not Modified',
  '307 Temporary Redirect',
  '400 Bad Request',
  '401 Unauthorized',
  '429 Too Many Requests',
  '500 Oops',
  '599 ',
  '099 X',
  '1000 X',
  '200',
]

const INFORMATIONAL = [
  'HTTP/1.1 100 Continue\r\n\r\n',
  'HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n',
  'HTTP/1.1 102 Processing\r\n\r\n',
  'HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\n\r\n',
]

const ENCODINGS: readonly (readonly [name: string, encode: (body: Buffer) => Buffer])[] = [
  ['gzip', gzipSync],
  ['X-GZip', gzipSync],
  ['deflate', deflateSync],
  ['br', brotliCompressSync],
  ['zstd', zstdCompressSync],
]

/** The case of this number; the same seed and number make the same case. */
export function buildAnswerCase(seed: number, index: number): AnswerCase {
  const dice = createDice(seed, index * 2 + 1)
  const id = `a${index}`
  let message = dice.chance(0.1) ? dice.pick(INFORMATIONAL).repeat(1 + dice.below(3)) : ''
  message += buildAnswer(dice, id)
  const isMutated = dice.chance(0.7)
  if (isMutated) message = mutate(message, dice)
  const isDoubled = dice.chance(0.05)
  if (isDoubled) message += buildAnswer(dice, id)
  const cut = dice.chance(0.3) ? [message] : dice.cut(message, 12)
  // Once the next request is sent, nobody can tell an answer that was not asked for from its own.
  const pieces = isDoubled ? [message] : cut
  const wish =
    isMutated && dice.chance(0.95) ? 'close' : dice.pick(['keep', 'close', 'close'] as const)
  const end = dice.chance(0.05) ? 'reset' : wish
  const isBroken = isMutated || end === 'reset'
  return { id, path: dice.pick(PATHS), pieces, end, isBroken }
}

function buildAnswer(dice: Dice, id: string): string {
  const leak = spellCredential(dice)
  const inline = leak.replace(/[\r\n\0]/g, '')
  const [type, body] = buildBody(dice, dice.chance(0.7) ? leak : 'nothing')
  const lines = [
    `HTTP/1.1 ${dice.pick(STATUSES)}${dice.chance(0.1) ? inline : ''}`,
    `x-case: ${markOf(id)}`,
    `content-type: ${type}`,
    ...(dice.chance(0.2)
      ? [
          `${dice.pick(['x-debug', 'link', 'location', 'set-cookie', 'www-authenticate', 'x-request-id'])}: a ${inline}`,
        ]
      : []),
    ...(dice.chance(0.03) ? [`x-${FUZZ_CREDENTIAL.slice(3).replace(/[?>]/g, '')}: 1`] : []),
  ]
  let bytes = body
  if (dice.chance(0.1)) {
    const [name, encode] = dice.pick(ENCODINGS)
    bytes = encode(Buffer.from(body, 'latin1')).toString('latin1')
    lines.push(`content-encoding: ${name}`)
  }
  const framing = dice.pick(['length', 'chunks', 'chunks', 'none'] as const)
  if (framing === 'length') lines.push(`content-length: ${bytes.length}`)
  if (framing === 'chunks') lines.push('transfer-encoding: chunked')
  if (framing === 'none') lines.push('connection: close')
  return `${lines.join('\r\n')}\r\n\r\n${framing === 'chunks' ? chunk(bytes, dice) : bytes}`
}

function buildBody(dice: Dice, leak: string): readonly [type: string, body: string] {
  const kind = dice.pick(['json', 'chat', 'chat', 'responses', 'text', 'binary'] as const)
  const text = dice.pick(['', 'x', '你好', ' \\', '%', '&#'])
  switch (kind) {
    case 'json':
      return ['application/json', latin1(`{"error":{"message":"${text}${leak}"}}`)]
    case 'chat': {
      const deltas = Array.from({ length: dice.below(6) }, (_, number) =>
        dice.chance(0.3)
          ? `: ${leak}\n\n`
          : `data: {"choices":[{"delta":{"content":"${number}${text}${dice.chance(0.3) ? leak : ''}"},"finish_reason":null}]}\n\n`,
      )
      const finish = dice.chance(0.7)
        ? 'data: {"choices":[{"delta":{},"finish_reason":"stop"}]}\n\n'
        : ''
      const done = dice.chance(0.7) ? 'data: [DONE]\n\n' : ''
      return [
        dice.pick(['text/event-stream', 'text/event-stream; charset=utf-8', 'TEXT/EVENT-STREAM']),
        latin1(deltas.join('') + finish + done),
      ]
    }
    case 'responses':
      return [
        'text/event-stream',
        latin1(
          `event: response.output_text.delta\r\ndata: {"delta":"${text}${leak}"}\r\n\r\n${dice.chance(0.5) ? 'event: response.completed\r\ndata: {"type":"response.completed"}\r\n\r\n' : ''}`,
        ),
      ]
    case 'text':
      return [
        'text/html',
        latin1(`<p>${text} ${leak} ${'lorem ipsum '.repeat(dice.below(500))}${leak}</p>`),
      ]
    default:
      return [
        'audio/mpeg',
        `${Array.from({ length: dice.below(3000) }, () => String.fromCharCode(dice.below(256))).join('')}${leak}\0`,
      ]
  }
}

const latin1 = (text: string): string => Buffer.from(text).toString('latin1')

const SPELLINGS: readonly ((character: string, hex: string) => string)[] = [
  String,
  String,
  (_, hex) => `%${hex}`,
  (_, hex) => `%25${hex}`,
  (_, hex) => `\\u00${hex}`,
  (_, hex) => `\\\\u00${hex.toUpperCase()}`,
  (_, hex) => `\\x${hex}`,
  (character) => `&#${character.charCodeAt(0)};`,
  (_, hex) => `&#x${hex};`,
]

/** The credential in one of the known forms, or with each character spelled in one of two ways. */
function spellCredential(dice: Dice): string {
  if (dice.chance(0.7)) return dice.pick(CREDENTIAL_FORMS)[1](FUZZ_CREDENTIAL)
  // Two at most: nobody undoes three kinds of escapes in one text, the check of this least of all.
  const ways = [dice.pick(SPELLINGS), String]
  return Array.from(FUZZ_CREDENTIAL, (character) =>
    dice.pick(ways)(character, character.charCodeAt(0).toString(16).padStart(2, '0')),
  ).join('')
}
