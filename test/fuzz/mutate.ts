import type { Dice } from '../helpers/dice.ts'

/** Changes a message's bytes (one character each); the same dice make the same of it. */
export type Mutation = (message: string, dice: Dice) => string

/** Bytes on which parsers have disagreed. */
const ODD_BYTES = [
  '\0',
  '\t',
  '\v',
  '\f',
  '\r',
  '\n',
  ' ',
  '"',
  ':',
  ',',
  ';',
  '\x7f',
  '\x85',
  '\xa0',
  '\xff',
]

/** Header lines on which programs have disagreed about where a message ends, whom it is for, or what it means. */
const ODD_LINES = [
  'Transfer-Encoding: chunked',
  'Transfer-Encoding: identity',
  'Transfer-Encoding: chunked, identity',
  'Transfer-Encoding: gzip, chunked',
  'Transfer-Encoding:\tchunked',
  'Transfer-Encoding: xchunked',
  'Transfer-Encoding : chunked',
  'TRANSFER-ENCODING: CHUNKED',
  'Content-Length: 0',
  'Content-Length: 5',
  'Content-Length: +5',
  'Content-Length: -1',
  'Content-Length: 0x10',
  'Content-Length: 5, 5',
  'Content-Length: 99999999999999999999',
  'Content-Length : 3',
  'Content_Length: 3',
  'Connection: close',
  'Connection: keep-alive, authorization, content-length, host',
  'Connection: Upgrade',
  'Keep-Alive: timeout=1, max=1',
  'Upgrade: websocket',
  'Upgrade: h2c',
  'Expect: 100-continue',
  'Expect: 200-ok',
  'Host: other.example',
  'Host: a b',
  'Trailer: x-a',
  'TE: trailers',
  'Content-Encoding: gzip',
  'Content-Encoding: br, gzip',
  'Content-Encoding: zstd',
  'Content-Type: text/event-stream',
  'Content-Type: multipart/form-data; boundary=x',
  'Content-Type: application/json; charset=utf-16',
  'Location: //other.example/x',
  'Set-Cookie: a=b',
  'Date: never',
  'X-A: 1\r\n folded',
  ' X-A: 1',
  'X-A',
  ': 1',
  'X A: 1',
  '__proto__: 1',
  'constructor: 1',
]

const LINE_ENDS = ['\n', '\r', '\r\r\n', '\n\r', '\r\n\r\n', '']

const NUMBERS = [
  '0',
  '1',
  '-1',
  '+1',
  '00',
  '0x5',
  'f',
  'ffffffffffffffff',
  '7fffffff',
  '1e3',
  ' 5',
  '5 ',
  '5;a=b',
  '',
]

const insertAt = (text: string, at: number, piece: string, removed = 0): string =>
  text.slice(0, at) + piece + text.slice(at + removed)

/** Where the lines of the head begin behind the first one, and where it ends. */
function lineStarts(message: string): number[] {
  const headEnd = message.indexOf('\r\n\r\n')
  const head = message.slice(0, headEnd === -1 ? message.length : headEnd + 2)
  const starts = [...head.matchAll(/\r\n/g)].map(({ index }) => index + 2)
  return starts.length === 0 ? [0] : starts
}

const MUTATIONS: readonly Mutation[] = [
  (text, dice) => insertAt(text, dice.below(text.length + 1), dice.pick(ODD_BYTES)),
  (text, dice) => insertAt(text, dice.below(text.length), '', 1 + dice.below(4)),
  (text, dice) => insertAt(text, dice.below(text.length), String.fromCharCode(dice.below(256)), 1),
  (text, dice) => insertAt(text, dice.pick(lineStarts(text)), `${dice.pick(ODD_LINES)}\r\n`),
  (text, dice) => insertAt(text, dice.pick(lineStarts(text)), `${dice.pick(ODD_LINES)}\r\n`),
  replaceLineEnd,
  repeatLine,
  replaceNumber,
  (text, dice) => text.slice(0, dice.below(text.length)),
  (text, dice) => text + text.slice(dice.below(text.length)),
  (text, dice) =>
    insertAt(text, dice.below(text.length), dice.pick(ODD_BYTES).repeat(1 + dice.below(300))),
  (text, dice) =>
    insertAt(text, dice.pick(lineStarts(text)), `x-a: ${'a'.repeat(dice.below(20_000))}\r\n`),
  (text, dice) => insertAt(text, dice.pick(lineStarts(text)), 'x-a: 1\r\n'.repeat(dice.below(200))),
]

/** Applies a few mutations; each may undo what another did. */
export const mutate: Mutation = (message, dice) => {
  let mutated = message
  for (let count = 1 + dice.below(3); count > 0 && mutated !== ''; count--) {
    mutated = dice.pick(MUTATIONS)(mutated, dice)
  }
  return mutated
}

function replaceLineEnd(text: string, dice: Dice): string {
  const at = text.indexOf('\r\n', dice.below(text.length))
  return at === -1 ? text : insertAt(text, at, dice.pick(LINE_ENDS), 2)
}

function repeatLine(text: string, dice: Dice): string {
  const starts = lineStarts(text)
  const from = dice.pick(starts)
  const line = text.slice(from, text.indexOf('\r\n', from) + 2)
  return insertAt(text, dice.pick(starts), dice.chance(0.3) ? line.toUpperCase() : line)
}

/** A length, the size of a chunk, a status or a number in a body. */
function replaceNumber(text: string, dice: Dice): string {
  const found = [...text.matchAll(/(?<=: |\r\n|\/1\.1 |\/)[0-9a-f]{1,6}(?=\r\n| )/g)]
  if (found.length === 0) return text
  const { index, 0: digits } = dice.pick(found)
  return insertAt(text, index, dice.pick(NUMBERS), digits.length)
}
