import { createDice, type Dice } from '../helpers/dice.ts'
import { markOf } from './case-mark.ts'
import { FUZZ_TOKEN, FUZZ_WRONG_TOKEN } from './fuzz-secrets.ts'
import { mutate } from './mutate.ts'

/** What a client sends over one connection. */
export interface RequestCase {
  readonly id: string
  /** One character a byte; each piece is written by itself. */
  readonly pieces: readonly string[]
  /** What the client does then: closes its side, waits for a while before it does, reads to the end, or resets. */
  readonly end: 'close' | 'wait' | 'stay' | 'reset'
}

const METHODS = [
  'GET',
  'HEAD',
  'POST',
  'PUT',
  'PATCH',
  'DELETE',
  'OPTIONS',
  'TRACE',
  'CONNECT',
  'get',
  'PROPFIND',
  'PRI',
]

const TARGETS = [
  '/v1/chat/completions',
  '/v1/models',
  '/v1/responses',
  '/v1/audio/transcriptions',
  '/v1/files',
  '/mj/submit/imagine',
  '/v1/v1/models',
  '//v1/models',
  '/v1/../v1/models',
  '/v1/%2e%2e/mj/x',
  '/v1/%2e/models',
  '/v1/models%2f..',
  '/v1/models%00',
  '/v1/models;a=b?x=1#y',
  '/v1/\\models',
  '/v1/mod\xe9ls',
  '//other.example/v1/models',
  'http://other.example/v1/models',
  'https://api.openai-hk.com/v1/models',
  'other.example:443',
  '*',
  '/healthz',
  '/readyz',
  '/metrics',
  '/admin/upstreams',
  '/dashboard/billing/usage',
  '/openai/sk/log',
  '/nowhere',
  '?',
]

/** In what a client's token may come; none of them goes further than Keystow. */
const DRESSES = [
  'authorization: Bearer ',
  'Authorization: ',
  'authorization: Bearer nk-',
  'api-key: ',
  'x-api-key: ',
  'mj-api-secret: ',
]

const OTHER_DRESSES = [
  'cookie: token=',
  'x-goog-api-key: ',
  'proxy-authorization: Bearer ',
  'x-ptoken: ',
  'sec-websocket-protocol: openai-insecure-api-key.',
]

const BODIES = [
  '{"model":"gpt-4o-mini","messages":[{"role":"user","content":"hi"}]}',
  '{"model":"gpt-4o-mini","stream":true,"messages":[]}',
  '{"model":"a","model":"b"}',
  '{"stream":"\\ud800","n":1e999,"max_tokens":-0}',
  '['.repeat(3000),
  '{"a":"\xff\xfe"}',
  '',
  'model=a&stream=true',
  '--x\r\ncontent-disposition: form-data; name="model"\r\n\r\nwhisper-1\r\n--x\r\ncontent-disposition: form-data; name="file"; filename="a"\r\n\r\n\x00\x01\r\n--x--\r\n',
]

const CONTENT_TYPES = [
  'application/json',
  'application/json; charset=utf-8',
  'text/plain',
  'multipart/form-data; boundary=x',
  'application/octet-stream',
  'application/x-www-form-urlencoded',
]

/** The case of this number; the same seed and number make the same case. */
export function buildRequestCase(seed: number, index: number): RequestCase {
  const dice = createDice(seed, index * 2)
  const id = `r${index}`
  let message = buildRequest(dice, id)
  // As it stands, it must be answered like any other.
  if (dice.chance(0.9)) message = mutate(message, dice)
  while (dice.chance(0.15)) message += buildRequest(dice, id)
  const pieces = dice.chance(0.6) ? [message] : dice.cut(message, 6)
  const end = dice.chance(0.05) ? 'reset' : dice.pick(['close', 'wait'] as const)
  return { id, pieces, end }
}

function buildRequest(dice: Dice, id: string): string {
  const body = dice.pick(BODIES)
  const isBare = dice.chance(0.2)
  const [method, target] = dice.chance(0.5)
    ? ['POST', '/v1/chat/completions']
    : [dice.pick(METHODS), dice.pick(TARGETS)]
  const lines = [
    `${method} ${target} HTTP/1.${dice.chance(0.05) ? '0' : '1'}`,
    'host: keystow.test',
    ...(dice.chance(0.9) ? [tokenLine(dice)] : []),
    ...(dice.chance(0.3) ? [dice.pick(OTHER_DRESSES) + FUZZ_TOKEN] : []),
    `x-stainless-case: ${markOf(id)}`,
    ...(dice.chance(0.3) ? ['user-agent: fuzz', 'accept: */*', 'openai-beta: a=1'] : []),
  ]
  if (isBare) return `${lines.join('\r\n')}\r\n\r\n`
  lines.push(`content-type: ${dice.pick(CONTENT_TYPES)}`)
  const isChunked = dice.chance(0.3)
  lines.push(isChunked ? 'transfer-encoding: chunked' : `content-length: ${body.length}`)
  return `${lines.join('\r\n')}\r\n\r\n${isChunked ? chunk(body, dice) : body}`
}

const tokenLine = (dice: Dice): string =>
  dice.pick(DRESSES) + (dice.chance(0.9) ? FUZZ_TOKEN : FUZZ_WRONG_TOKEN)

/** A body in chunks, cut anywhere. */
export function chunk(body: string, dice: Dice): string {
  const chunks = dice
    .cut(body, 5)
    .filter((piece) => piece !== '')
    .map((piece) => `${piece.length.toString(16)}${dice.chance(0.1) ? ';a=b' : ''}\r\n${piece}\r\n`)
  return `${chunks.join('')}0\r\n${dice.chance(0.1) ? 'x-trailer: 1\r\n' : ''}\r\n`
}
